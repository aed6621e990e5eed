/*
 * sandbox_calls.c - the system calls of each role, and why. What a table does not name kills
 * refresher and worker (SIGSYS; the master says so and starts the next): a call of an attacker is
 * seen, and a call that was forgotten here fails loudly in the tests, which run with the same
 * tables.
 *
 *   worker, refresher   lists of what they do call: no process, no program, no signal to others, no
 *                       memory that is writable and executable, no socket but TCP, UDP and the
 *                       resolver's netlink one; whether a file may be opened is sandbox_files.c's
 *   master              a list of what no version of this program will ever call. Not of what it
 *                       does call: a filter goes over fork and exec, so it binds its children and
 *                       the program that follows it at SIGUSR2, whose calls are not known today
 *
 * Names are Linux's on all architectures; arm64 has only the newer of twins (openat, not open). The
 * values of arguments are those of the machine that builds: all of these are the same on amd64 and
 * arm64 (asm-generic), and none may be taken that is not (O_DIRECTORY, say).
 */
#include "master/supervise/sandbox_private.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define SIOCGIFINDEX_ 0x8933u     /* <linux/sockios.h> does not go with <sys/ioctl.h> */
#define TCGETS2_      0x802c542au /* the same for <asm/termbits.h> */
#define SET_VMA       0x53564d41  /* PR_SET_VMA, of newer headers */

/* clang-format off */
#define ALWAYS(names, why)             {FILTER_ALLOW, (names), (why), {{0}}}
#define IF(call, n, v, why)            {FILTER_ALLOW, (call), (why), {{FILTER_IS, (n), (v), 0}}}
#define IF_BITS(call, n, mask, v, why) {FILTER_ALLOW, (call), (why), {{FILTER_BITS, (n), (v), (mask)}}}
#define OTHERWISE(verdict, names, why) {FILTER_##verdict, (names), (why), {{0}}}
#define END                            {FILTER_ALLOW, NULL, NULL, {{0}}}
/* clang-format on */

/* --- refresher and worker ------------------------------------------------------------------ */

static const struct filter_row both[] = {
    /* memory: none that is writable and executable, so no code but what lies in files */
    ALWAYS("brk munmap mremap madvise membarrier", "the heap"),
    IF_BITS("mmap", 2, PROT_EXEC, 0, "memory that is no code"),
    IF_BITS("mmap", 2, PROT_EXEC | PROT_WRITE, PROT_EXEC, "modules of the resolver (NSS)"),
    IF_BITS("mprotect", 2, PROT_EXEC, 0, "stacks of threads; never new code"),
    /* threads, no processes */
    IF_BITS("clone", 0, CLONE_THREAD, CLONE_THREAD, "libcurl resolves names in a thread"),
    OTHERWISE(UNKNOWN, "clone3", "its flags lie in memory, unseen; the C library then takes clone"),
    ALWAYS("futex set_robust_list get_robust_list rseq set_tid_address sched_yield "
           "sched_getaffinity getcpu arch_prctl sigaltstack",
           "threads"),
    IF("prctl", 0, PR_SET_NAME, "names of threads"),
    IF("prctl", 0, PR_GET_NAME, "names of threads"),
    IF("prctl", 0, SET_VMA, "names of memory, newer C libraries"),
    ALWAYS("exit exit_group restart_syscall", "the end"),
    /* signals: to itself only, for abort() of an assertion */
    {FILTER_ALLOW, "tgkill", "abort()", {{FILTER_SELF, 0, 0, 0}}},
    ALWAYS("rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait signalfd4",
           "signals come by signalfd"),
    /* the loop */
    ALWAYS("epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 poll ppoll select pselect6 "
           "eventfd2 pipe pipe2 timerfd_create timerfd_settime",
           "the event loop, and libcurl's own waiting"),
    ALWAYS("clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times",
           "clocks, where they are no vDSO calls"),
    ALWAYS("getpid getppid gettid getpgrp getpgid getuid geteuid getgid getegid getresuid "
           "getresgid getgroups uname sysinfo getrandom getrusage getrlimit getcwd",
           "who and where am I"),
    IF("prlimit64", 0, 0, "limits of itself"),
    /* descriptors; F_SETOWN and F_SETSIG would send any signal to any process */
    IF("fcntl", 1, F_DUPFD, "libcurl"),
    IF("fcntl", 1, F_DUPFD_CLOEXEC, "libcurl"),
    IF("fcntl", 1, F_GETFD, "C library"),
    IF("fcntl", 1, F_SETFD, "C library, SQLite"),
    IF("fcntl", 1, F_GETFL, "non-blocking sockets"),
    IF("fcntl", 1, F_SETFL, "non-blocking sockets"),
    IF("ioctl", 1, FIONBIO, "non-blocking sockets"),
    IF("ioctl", 1, FIONREAD, "libcurl"),
    IF("ioctl", 1, TCGETS, "stdio asks whether it writes to a terminal"),
    IF("ioctl", 1, TCGETS2_, "the same, newer C libraries"),
    IF("ioctl", 1, SIOCGIFINDEX_, "addresses with a scope: fe80::1%eth0"),
    /* files: which ones is sandbox_files.c's */
    ALWAYS("open openat read readv pread64 preadv preadv2 write writev lseek close close_range dup "
           "dup2 dup3 fstat stat lstat newfstatat statx fstatfs statfs access faccessat faccessat2 "
           "readlink readlinkat getdents64 fadvise64",
           "reading files, writing the log"),
    ALWAYS("pwritev2", "a log that is a pipe: log.c's writes never wait (RWF_NOWAIT)"),
    /* sockets */
    IF("socket", 0, AF_INET, "Bedrock, DynamoDB, credentials, DNS"),
    IF("socket", 0, AF_INET6, "the same by IPv6"),
    {FILTER_ALLOW,
     "socket",
     "getaddrinfo asks which addresses this machine has",
     {{FILTER_IS, 0, AF_NETLINK, 0}, {FILTER_IS, 2, 0, 0}}},
    {FILTER_FAMILY,
     "socket",
     "other services of this machine (Docker, D-Bus); the C library then passes over name caches "
     "and asks files and DNS",
     {{FILTER_IS, 0, AF_UNIX, 0}}},
    ALWAYS("socketpair", "libcurl wakes itself"),
    ALWAYS("connect bind getsockname getpeername getsockopt setsockopt shutdown sendto recvfrom "
           "sendmsg recvmsg sendmmsg recvmmsg",
           "connections; where to cannot be told apart: the endpoints are settings"),
    /* the C library tries what is younger than this table, and goes on without */
    OTHERWISE(UNKNOWN,
              "openat2 pidfd_open io_uring_setup futex_waitv 451 452 453 454 455 456 457 458 459 "
              "460 461 462 463 464 465 466 467 468 469 470 471 472 473 474 475 476 477 478 479 480",
              "as on an older kernel"),
    END};

static const struct filter_row worker_only[] = {
    ALWAYS("accept4 accept", "clients"),
    IF("fallocate", 1, 0, "the usage journal, made whole when others have cut it; no holes"),
    OTHERWISE(REFUSE, "ftruncate",
              "the same on a file system without fallocate: the master does it"),
    END};

static const struct filter_row refresher_only[] = {
    IF("fcntl", 1, F_GETLK, "SQLite's locks"),
    IF("fcntl", 1, F_SETLK, "SQLite's locks"),
    IF("fcntl", 1, F_SETLKW, "SQLite's locks"),
    ALWAYS("pwrite64 pwritev ftruncate fallocate fsync fdatasync sync_file_range unlink "
           "unlinkat rename renameat renameat2 mkdir mkdirat rmdir fchmod fchmodat fchown flock",
           "SQLite and the usage journal, in STATE_DIR"),
    ALWAYS("capget", "the key store asks whether root runs it"),
    IF("prctl", 0, PR_SET_PDEATHSIG, "what it gets when the master dies"),
    {FILTER_ALLOW,
     "prctl",
     "hidden from debuggers; not shown again",
     {{FILTER_IS, 0, PR_SET_DUMPABLE, 0}, {FILTER_IS, 1, 0, 0}}},
    END};

#if SANDBOX_SANITIZED
static const struct filter_row sanitizer_only[] = {
    ALWAYS(
        "ptrace wait4 kill tgkill clone prctl mmap mprotect process_vm_readv prlimit64 setrlimit "
        "unlink getdents tkill",
        "LeakSanitizer stops the process and looks through it from a clone"),
    END};
#endif

/* --- master -------------------------------------------------------------------------------- */

#if !SANDBOX_SANITIZED
static const struct filter_row never_traced[] = {
    OTHERWISE(KILL, "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp",
              "memory and descriptors of other processes"),
    END};
#endif

static const struct filter_row never[] = {
    OTHERWISE(KILL,
              "mount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr "
              "pivot_root chroot setns unshare open_by_handle_at",
              "another view of the machine"),
    OTHERWISE(KILL,
              "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon "
              "swapoff acct syslog quotactl sethostname setdomainname settimeofday clock_settime "
              "clock_adjtime adjtimex iopl ioperm modify_ldt vhangup",
              "running the machine"),
    OTHERWISE(KILL,
              "bpf perf_event_open userfaultfd add_key request_key keyctl fanotify_init "
              "lookup_dcookie",
              "parts of the kernel that are often attacked and that nothing here uses"),
    OTHERWISE(UNKNOWN, "io_uring_setup", "calls that no filter would see"), END};

#if SANDBOX_SANITIZED
#define TRACED NULL
#define MORE   sanitizer_only
#else
#define TRACED never_traced
#define MORE   NULL
#endif

const struct sandbox_calls sandbox_calls[SANDBOX_ROLES] = {
    [SANDBOX_MASTER] = {FILTER_ALLOW, {never, TRACED}},
    [SANDBOX_REFRESHER] = {FILTER_KILL, {both, refresher_only, MORE}},
    [SANDBOX_WORKER] = {FILTER_KILL, {both, worker_only, MORE}},
};
