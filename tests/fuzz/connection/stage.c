#include <stdio.h>

#include "shm/memory/keymiss.h"
#include "tests/fuzz/connection/frames.h"
#include "tests/fuzz/connection/world.h"

/* What one line of a script does. */

/* ---- clients ------------------------------------------------------------------------------ */

static struct kernel_file *client(uint32_t c)
{
    return world.client[c % WORLD_CLIENTS];
}

static struct kernel_file *open_client(uint32_t c)
{
    return world.client[c % WORLD_CLIENTS] = kernel_dial_in(world.listener);
}

/* NULL: nobody listens. */
static struct kernel_file *connected(uint32_t c)
{
    struct kernel_file *f = client(c);
    return f ? f : open_client(c);
}

static void say(struct kernel_file *f, struct str bytes, uint32_t shown)
{
    size_t head, n = shown;
    if (!f || f->fin || f->reset)
        return;
    if (shown >= SCRIPT_HEAD && text_find(bytes, STR("\r\n\r\n"), &head))
        n = f->in.n - f->visible + head + 4 + shown - SCRIPT_HEAD;
    kernel_add(f, bytes.p, bytes.n);
    kernel_show(f, n);
}

static void ask(const uint32_t arg[SCRIPT_ARGS])
{
    struct buf request;
    buf_init(&request, 1 << 20);
    saying_request(arg[1], arg[2], &request);
    say(connected(arg[0]), buf_str(&request), arg[3]);
    buf_free(&request);
}

/* The number of the stream that the last request of a client went on; 0: none did. */
static uint32_t last_stream(const struct kernel_file *f)
{
    return (uint32_t)f->mark;
}

/* Whether it may speak HTTP/2: it does, or has not spoken yet and does now. */
static bool begins_frames(struct kernel_file *f, struct buf *out)
{
    if (f->in.n == 0)
        frames_greeting(out);
    return f->in.n == 0 || last_stream(f) > 0;
}

static void talk(const uint32_t arg[SCRIPT_ARGS])
{
    struct buf frames;
    struct kernel_file *f = connected(arg[0]);
    buf_init(&frames, 1 << 20);
    if (f && begins_frames(f, &frames)) {
        f->mark = last_stream(f) > 0 ? f->mark + 2 : 1;
        frames_request(arg[1], arg[2], last_stream(f), &frames);
        say(f, buf_str(&frames), arg[3]);
    } else if (f) {
        ask(arg);
    }
    buf_free(&frames);
}

static void one_frame(const uint32_t arg[SCRIPT_ARGS])
{
    struct buf frames;
    struct kernel_file *f = connected(arg[0]);
    buf_init(&frames, 1 << 20);
    if (f && begins_frames(f, &frames)) {
        f->mark = last_stream(f) > 0 ? f->mark : 1;
        uint32_t back = 2 * (arg[2] % 64);
        frames_one(arg[1], last_stream(f) > back ? last_stream(f) - back : last_stream(f) + 2,
                   &frames);
        say(f, buf_str(&frames), arg[3]);
    }
    buf_free(&frames);
}

void stage_clients(void (*fn)(struct kernel_file *f))
{
    for (struct kernel_file *f = NULL; (f = kernel_each(f));)
        if (f->kind == KERNEL_STREAM && !f->dialled)
            fn(f);
}

static void give_all(struct kernel_file *f)
{
    f->room = SIZE_MAX;
    kernel_show(f, 0);
}

void stage_give_all(void)
{
    for (struct kernel_file *f = NULL; (f = kernel_each(f));)
        f->sip = 0; /* of Bedrock's, too: at three bytes a turn nothing is over in time */
    stage_clients(give_all);
}

/* ---- Bedrock ------------------------------------------------------------------------------ */

/* The transfer that is the u-th, counted from the youngest. */
static struct kernel_file *transfer(uint32_t u)
{
    struct kernel_file *all[KERNEL_FD_COUNT], *f = NULL;
    uint32_t n = 0;
    while (n < KERNEL_FD_COUNT && (f = kernel_each(f)))
        if (f->dialled && f->fd >= 0 && !f->refused)
            all[n++] = f;
    return n > 0 ? all[n - 1 - u % n] : NULL;
}

/* The request behind f->mark. false: it is not all here; *path_out may be known anyway. */
static bool asked(const struct kernel_file *f, struct str *path_out, size_t *end_out)
{
    struct str rest = text_sub((struct str){f->out.p, f->out.n}, f->mark, f->out.n), word;
    size_t head, at;
    uint64_t length = 0;
    struct str line = rest;
    *path_out = STR("/converse");
    if (!text_find(rest, STR("\r\n\r\n"), &head) || !text_split(&line, ' ', &word) ||
        !text_split(&line, ' ', path_out))
        return false;
    line = text_sub(rest, 0, head);
    if (text_find(line, STR("Content-Length: "), &at)) {
        line = text_sub(line, at + 16, line.n);
        text_split(&line, '\r', &word);
        text_u64(word, &length);
    }
    *end_out = f->mark + head + 4 + (size_t)length;
    return *end_out <= f->out.n;
}

static void answer(struct kernel_file *f, uint32_t answer, uint32_t shown)
{
    struct str path;
    size_t end;
    struct buf bytes;
    if (asked(f, &path, &end))
        f->mark = end;
    buf_init(&bytes, 1 << 22);
    saying_answer(answer, path, &bytes);
    say(f, buf_str(&bytes), shown);
    buf_free(&bytes);
}

static void frames(struct kernel_file *f, struct str lines, uint32_t shown)
{
    struct buf bytes;
    buf_init(&bytes, 1 << 22);
    saying_events(lines, &bytes);
    say(f, buf_str(&bytes), shown);
    buf_free(&bytes);
}

bool stage_answer_by_itself(void)
{
    struct str path;
    size_t end;
    bool any = false;
    for (struct kernel_file *f = NULL; world.automatic && (f = kernel_each(f));)
        if (f->dialled && f->fd >= 0 && !f->fin && !f->reset && asked(f, &path, &end)) {
            answer(f, world.automatic - 1, 0);
            any = true;
        }
    return any;
}

static bool of_bedrock(const struct script_line *line)
{
    struct kernel_file *f = transfer(line->arg[0]);
    const uint32_t *arg = line->arg;
    switch (f ? line->op : SCRIPT_OPS) {
    case SCRIPT_ANSWER:
        answer(f, arg[1], arg[2]);
        return true;
    case SCRIPT_FRAMES:
        frames(f, line->text, arg[1]);
        return true;
    case SCRIPT_REPLY:
        say(f, line->text, arg[1]);
        return true;
    case SCRIPT_POUR:
        kernel_show(f, arg[1]);
        return true;
    case SCRIPT_UPSIP:
        f->sip = arg[1];
        return true;
    case SCRIPT_UPROOM:
        f->room = arg[1];
        return true;
    case SCRIPT_UPFIN:
        kernel_fin(f);
        return true;
    case SCRIPT_UPRST:
        kernel_reset(f);
        return true;
    default:
        return false;
    }
}

/* ---- the refresher ------------------------------------------------------------------------ */

static bool answer_key(uint32_t result)
{
    struct keymiss_question q;
    if (!keymiss_next(&world.segment, &q))
        return false;
    if (result == KEYMISS_FOUND && world.new_keys < WORLD_NEW_KEYS) {
        memcpy(world.new_key[world.new_keys++], q.digest, sizeof q.digest);
        world_publish();
    }
    keymiss_answer(&world.segment, &q, (enum keymiss_result)result);
    return true;
}

bool stage_answer_keys(uint32_t result)
{
    bool any = false;
    while (answer_key(result))
        any = true;
    return any;
}

/* ---- the lines ---------------------------------------------------------------------------- */

static void signal_worker(unsigned number)
{
    world.stops += number == 2 ? 2 : 1;
    for (struct kernel_file *f = NULL; (f = kernel_each(f));)
        if (f->signals)
            kernel_ring(f, number);
}

static void orphan(void)
{
    world.stops++;
    world.dead->end_of_file = true;
    kernel_stir(world.dead);
}

static bool of_client(const struct script_line *line)
{
    struct kernel_file *f = client(line->arg[0]);
    switch (f ? line->op : SCRIPT_OPS) {
    case SCRIPT_GIVE:
        kernel_show(f, line->arg[1]);
        return true;
    case SCRIPT_SIP:
        f->sip = line->arg[1];
        return true;
    case SCRIPT_ROOM:
        f->room = line->arg[1];
        f->choked = true;
        return true;
    case SCRIPT_READ:
        f->room = SIZE_MAX;
        kernel_stir(f);
        return true;
    case SCRIPT_QUIT:
        f->vanished = true;
        kernel_fin(f);
        return true;
    case SCRIPT_FIN:
        kernel_fin(f);
        return true;
    case SCRIPT_RST:
        kernel_reset(f);
        return true;
    default:
        return false;
    }
}

static bool of_time(const struct script_line *line)
{
    int64_t jump = (int64_t)line->arg[0] * 1000;
    switch (line->op) {
    case SCRIPT_WAIT:
        world.waits = line->arg[0] % 100 + 1;
        return true;
    case SCRIPT_CLOCK:
        world_pass(line->arg[0] % 100000000);
        return true;
    case SCRIPT_DATE:
        world.real_ms += line->arg[1] % 2 ? -jump % 100000000000 : jump % 100000000000;
        world_pass(0);
        return true;
    case SCRIPT_ORDER:
        kernel_order = line->arg[0];
        return true;
    default:
        return false;
    }
}

static void of_the_rest(const struct script_line *line)
{
    switch (line->op) {
    case SCRIPT_AUTO:
        world.automatic = line->arg[0];
        break;
    case SCRIPT_OPEN:
        open_client(line->arg[0]);
        break;
    case SCRIPT_ASK:
        ask(line->arg);
        break;
    case SCRIPT_TALK:
        talk(line->arg);
        break;
    case SCRIPT_FRAME:
        one_frame(line->arg);
        break;
    case SCRIPT_SEND:
        say(connected(line->arg[0]), line->text, line->arg[1]);
        break;
    case SCRIPT_DIAL:
        kernel_dial = (enum kernel_dial)(line->arg[0] % 3);
        break;
    case SCRIPT_KEY:
        answer_key(line->arg[0] % 3 + 1);
        break;
    case SCRIPT_TABLE:
        world.without = line->arg[0];
        world_publish();
        break;
    case SCRIPT_STORED:
        world_store();
        break;
    case SCRIPT_SIGN:
        world_sign(line->arg[0]);
        break;
    case SCRIPT_NOFD:
        kernel_no_fd = line->arg[0] % 10;
        break;
    case SCRIPT_NOMEM:
        world.failing = line->arg[0];
        world.starved = true;
        break;
    case SCRIPT_RING:
        kernel_ring(kernel_of(world.segment.wake_worker[0]), 0);
        break;
    case SCRIPT_TERM:
        signal_worker(15);
        break;
    case SCRIPT_INT:
        signal_worker(2);
        break;
    case SCRIPT_ORPHAN:
        orphan();
        break;
    case SCRIPT_END:
        world.ending = line->arg[0];
        break;
    default:
        break;
    }
}

bool stage_next(void)
{
    if (world.next == world.now->n)
        return false;
    const struct script_line *line = &world.now->line[world.next++];
    if (world.trace) {
        struct buf text;
        buf_init(&text, 1 << 16);
        script_print_line(line, &text);
        fprintf(stderr, "%10llu  %.*s", (unsigned long long)kernel_clock_ms() % 1000000000,
                STR_ARG(buf_str(&text)));
        buf_free(&text);
    }
    world.credit = line->mark == '+' ? 0 : line->mark == '-' ? 1 : 64;
    if (!of_client(line) && !of_bedrock(line) && !of_time(line))
        of_the_rest(line);
    return true;
}
