/* bench_sync.c - what this disk asks for one durable commit: the least that "MQTT in to call out" can take
 * while traces are durable. Writes pages as SQLite's write-ahead log does (a page and its 24-byte header),
 * then fdatasync; prints JSON, in microseconds. Run it beside bench_serve, in the same minute, on the file
 * system that holds the database.
 *
 *     bench_sync FILE        the file is made, overwritten and removed */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FRAME = 4096 + 24, MAX_PAGES = 29, N_COMMITS = 200 };

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* N_COMMITS times `n_pages` pages and their fdatasync, one after the other. False when the disk refuses. */
static bool commits(int fd, int n_pages, int64_t *took_us)
{
    static const char frame[FRAME];
    off_t at = 0;
    for (int i = 0; i < N_COMMITS; i++) {
        int64_t began = now_us();
        for (int p = 0; p < n_pages; p++, at += FRAME)
            if (pwrite(fd, frame, FRAME, at) != FRAME) return false;
        if (fdatasync(fd)) return false;
        took_us[i] = now_us() - began;
    }
    qsort(took_us, N_COMMITS, sizeof *took_us, by_value);
    return true;
}

int main(int argc, char **argv)
{
    static const int pages[] = {1, 4, 10, MAX_PAGES};
    static int64_t took_us[N_COMMITS];
    if (argc != 2) {
        fprintf(stderr, "bench_sync: name a file on the disk that is to be measured\n");
        return 2;
    }
    int fd = open(argv[1], O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        fprintf(stderr,
                "bench_sync: %s cannot be made; name a new file in a folder you may write\n",
                argv[1]);
        return 1;
    }
    bool good = true;
    for (size_t i = 0; good && i < sizeof pages / sizeof *pages; i++) {
        good = commits(fd, pages[i], took_us);
        if (good)
            printf("%s\"pages_%d\":{\"p50_us\":%lld,\"p99_us\":%lld}", i ? "," : "{", pages[i],
                   (long long)took_us[N_COMMITS / 2], (long long)took_us[N_COMMITS * 99 / 100]);
    }
    puts(good ? "}" : "");
    close(fd);
    unlink(argv[1]);
    if (!good)
        fprintf(stderr, "bench_sync: %s: writing or fdatasync failed; is the disk full?\n",
                argv[1]);
    return good ? 0 : 1;
}
