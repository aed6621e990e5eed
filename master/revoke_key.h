/*
 * revoke_key.h - the subcommand revoke-key: by key id (the 8 hex digits that list-keys and the log
 * show, or more of the digest), by the store's full id, or by the key itself on standard input.
 */
#ifndef MASTER_REVOKE_KEY_H
#define MASTER_REVOKE_KEY_H

int revoke_key_run(int argc, char **argv);

#endif
