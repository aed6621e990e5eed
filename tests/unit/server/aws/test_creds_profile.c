#include "server/aws/creds_profile.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/creds_case.h"

static void test_find_in_ini_text_gives_value(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool config_file;
        const char *profile, *key, *want; /* want NULL: not found */
    } rows[] = {
        {"plain", "[a]\nk = v\n", false, "a", "k", "v"},
        {"no blanks", "[a]\nk=v", false, "a", "k", "v"},
        {"CRLF", "[a]\r\nk = v\r\n", false, "a", "k", "v"},
        {"tabs", "[a]\n\tx\nk\t=\tv\t\n", false, "a", "k", "v"},
        {"key in other case", "[a]\nAWS_Key = v\n", false, "a", "aws_key", "v"},
        {"profile in other case", "[A]\nk = v\n", false, "a", "k", NULL},
        {"other section", "[b]\nk = w\n[a]\nk = v\n", false, "a", "k", "v"},
        {"after the section", "[a]\n[b]\nk = w\n", false, "a", "k", NULL},
        {"before any section", "k = v\n[a]\n", false, "a", "k", NULL},
        {"last one wins", "[a]\nk = 1\nk = 2\n", false, "a", "k", "2"},
        {"section twice", "[a]\nk = 1\n[b]\nk = 9\n[a]\nj = 2\n", false, "a", "j", "2"},
        {"empty value", "[a]\nk =\n", false, "a", "k", NULL},
        {"empty takes back", "[a]\nk = 1\nk =\n", false, "a", "k", NULL},
        {"value with equals", "[a]\nk = a=b==\n", false, "a", "k", "a=b=="},
        {"value with slash and plus", "[a]\nk = x/y+z\n", false, "a", "k", "x/y+z"},
        {"comment lines", "# c\n; c\n[a]\n#k = 1\n;k = 2\nk = v\n", false, "a", "k", "v"},
        {"comment after value", "[a]\nk = v # c\n", false, "a", "k", "v"},
        {"comment after section", "[a] ; c\nk = v\n", false, "a", "k", "v"},
        {"sign inside value", "[a]\nk = v#w;x\n", false, "a", "k", "v#w;x"},
        {"indented is not ours", "[a]\ns3 =\n  k = nested\n", false, "a", "k", NULL},
        {"indented bracket", "[a]\nx = 1\n  [b]\nk = v\n", false, "a", "k", "v"},
        {"no equals", "[a]\nk\nk = v\n", false, "a", "k", "v"},
        {"unclosed section", "[a\nk = v\n", false, "a", "k", NULL},
        {"junk section ends ours", "[a]\n[\nk = v\n", false, "a", "k", NULL},
        {"empty text", "", false, "a", "k", NULL},
        {"name with blank", "[my name]\nk = v\n", false, "my name", "k", "v"},
        {"config profile", "[profile a]\nk = v\n", true, "a", "k", "v"},
        {"config without the word", "[a]\nk = v\n", true, "a", "k", NULL},
        {"credentials with the word", "[profile a]\nk = v\n", false, "a", "k", NULL},
        {"config default", "[default]\nk = v\n", true, "default", "k", "v"},
        {"config profile default", "[profile default]\nk = v\n", true, "default", "k", "v"},
        {"config more blanks", "[ profile \t a ]\nk = v\n", true, "a", "k", "v"},
        {"config quoted", "[profile \"my name\"]\nk = v\n", true, "my name", "k", "v"},
        {"config other kind", "[sso-session a]\nk = v\n", true, "a", "k", NULL},
        {"config profilea", "[profilea]\nk = v\n", true, "a", "k", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str value = {NULL, 0};
        bool found = creds_profile_find(text_from(rows[i].text), rows[i].config_file,
                                        text_from(rows[i].profile), text_from(rows[i].key), &value);
        if (found != (rows[i].want != NULL) || (found && !text_eq(value, text_from(rows[i].want))))
            fail_msg("%s: found %d \"%.*s\"", rows[i].name, found, STR_ARG(value));
    }
}

static void test_has_tells_empty_sections_too(void **state)
{
    (void)state;
    assert_true(creds_profile_has(STR("[a]"), false, STR("a")));
    assert_false(creds_profile_has(STR("[a]\nk = v\n"), false, STR("b")));
}

static void test_load_merges_both_files(void **state)
{
    struct stage *s = *state;
    struct creds_profile p;
    stage_write(s, "credentials",
                "[default]\naws_access_key_id = AKCRED\naws_secret_access_key = s1\n");
    stage_write(s, "config",
                "[default]\nregion = eu-central-1\naws_access_key_id = AKCONF\n"
                "aws_session_token = notmine\n[profile other]\nrole_arn = arn:aws:iam::1:role/r\n");
    assert_int_equal(creds_profile_load(&p, NULL, NULL), STATUS_OK);
    assert_string_equal(p.name, "default");
    assert_true(p.found && !p.named);
    assert_string_equal(p.access_key_id, "AKCRED");
    assert_string_equal(p.secret, "s1");
    assert_string_equal(p.token, ""); /* never mixed from two files */
    assert_string_equal(p.region, "eu-central-1");
    setenv("AWS_DEFAULT_PROFILE", "nobody", 1);
    setenv("AWS_PROFILE", "other", 1);
    assert_int_equal(creds_profile_load(&p, NULL, NULL), STATUS_OK);
    assert_true(p.found && p.named);
    assert_string_equal(p.role_arn, "arn:aws:iam::1:role/r");
    unsetenv("AWS_PROFILE");
    assert_int_equal(creds_profile_load(&p, NULL, NULL), STATUS_OK);
    assert_false(p.found);
    creds_profile_wipe(&p);
    assert_string_equal(p.name, "");
}

static void test_load_finds_the_home_directory(void **state)
{
    struct stage *s = *state;
    struct creds_profile p;
    char aws[80];
    snprintf(aws, sizeof aws, "%s/.aws", s->dir);
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    assert_int_equal(mkdir(aws, 0700), 0);
    stage_write(s, ".aws/credentials", "[default]\naws_access_key_id = HOME1\n");
    stage_write(s, "config", "[default]\nregion = r\n");
    setenv("AWS_CONFIG_FILE", "~/config", 1);
    assert_int_equal(creds_profile_load(&p, NULL, NULL), STATUS_OK);
    assert_string_equal(p.access_key_id, "HOME1");
    assert_string_equal(p.region, "r");
    unlink(stage_path(s, ".aws/credentials"));
    rmdir(aws);
}

static void test_load_of_bad_files_fails(void **state)
{
    struct stage *s = *state;
    struct creds_profile p;
    struct err err;
    char text[400] = "[default]\naws_secret_access_key = ";
    memset(text + strlen(text), 'x', 300);
    stage_write(s, "credentials", text);
    assert_int_equal(creds_profile_load(&p, NULL, &err), STATUS_INVALID);
    assert_string_equal(err.text, "profile default: aws_secret_access_key is too long");
    setenv("AWS_SHARED_CREDENTIALS_FILE", s->dir, 1);
    assert_int_equal(creds_profile_load(&p, NULL, &err), STATUS_INVALID);
    assert_string_equal(err.text, "profile: ~/.aws/credentials cannot be read");
}

/* As a server that root started in its home directory: the directory is closed to it. */
static int load_as_nobody(const struct stage *s)
{
    struct creds_profile p;
    struct err err;
    char path[300];
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    unsetenv("AWS_CONFIG_FILE");
    setenv("HOME", s->dir, 1);
    if (chmod(s->dir, 0700) != 0 || setresuid(65534, 65534, 65534) != 0) {
        return 1;
    }
    if (creds_profile_load(&p, NULL, &err) != STATUS_OK || p.found || creds_likely(NULL)) {
        return 2;
    }
    snprintf(path, sizeof path, "%s/.aws/credentials", s->dir);
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1); /* but one that is named is missed */
    return creds_profile_load(&p, NULL, &err) == STATUS_INVALID && creds_likely(NULL) ? 0 : 3;
}

static void test_load_behind_a_closed_door_is_missing_unless_named(void **state)
{
    struct stage *s = *state;
    int status;
    if (geteuid() != 0) {
        skip();
    }
    pid_t pid = fork();
    if (pid == 0) {
        _exit(load_as_nobody(s));
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_in_ini_text_gives_value),
        cmocka_unit_test(test_has_tells_empty_sections_too),
        STAGE_TEST(test_load_merges_both_files),
        STAGE_TEST(test_load_finds_the_home_directory),
        STAGE_TEST(test_load_of_bad_files_fails),
        STAGE_TEST(test_load_behind_a_closed_door_is_missing_unless_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
