/*
 * gcm_alt.h - AES-GCM of the release program on x86-64: mbedTLS's interface (MBEDTLS_GCM_ALT, its own
 * place for another implementation) with BearSSL's code behind it, the same in constant time.
 *
 * mbedTLS takes one block at a time through its cipher layer, 3.2 ns a byte; BearSSL takes four, 0.25 ns.
 * Nothing is patched, and no cryptography is ours. <mbedtls/gcm.h> includes this file.
 */
#ifndef GCM_ALT_H
#define GCM_ALT_H

#include <bearssl_aead.h>

/* It points into itself: not to be copied. */
typedef struct mbedtls_gcm_context {
    br_gcm_context gcm;
    union {
        const br_block_ctr_class *vtable; /* NULL: no key yet */
        br_aes_x86ni_ctr_keys fast;
        br_aes_ct64_ctr_keys plain; /* a CPU without AES-NI and PCLMULQDQ */
    } key;
    uint64_t length; /* of the data so far */
    uint64_t extra;  /* of what is only authenticated */
    int mode;
    int flipped; /* data has begun */
} mbedtls_gcm_context;

#endif
