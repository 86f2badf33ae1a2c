/* Makes system calls of one process fail: preloaded into a member by the torture tests.
 *
 * A seccomp filter traps the calls that change files, however they are made (through libc, by
 * RocksDB, or raw), unless they come from the one `syscall` instruction below. The handler counts
 * those that FAULT_CALLS and FAULT_PATH select and, from number FAULT_AFTER on, does what FAULT_DO
 * says FAULT_TIMES times (0: for the rest of the process's life). Each time it appends a line to the
 * file FAULT_REPORT.
 *
 *   FAULT_CALLS  write | sync | rename | create | allocate | read, joined by commas
 *   FAULT_PATH   what the path of the file must contain
 *   FAULT_DO     eio | enospc | short | delay:MILLISECONDS | drop | kill | late
 *
 * short: half of the bytes are written. drop: the sync fails, and what was written to the file since
 * the last sync that did not is zeros afterwards, as after a kernel that gave its pages up. kill: the
 * process dies before the call; late: just after it.
 *
 * Everything in the handler is raw calls and atomics: it runs between any two instructions.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if !defined(__x86_64__)
#error "only x86-64 so far"
#endif

long faults_call(long number, long a, long b, long c, long d, long e, long f);
extern char faults_return[];
__asm__(".text\n"
        ".globl faults_call\n.globl faults_return\n"
        "faults_call:\n"
        "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n  mov %r9, %r8\n  mov 8(%rsp), %r9\n"
        "  syscall\n"
        "faults_return:\n"
        "  ret\n");
#define RAW(number, a, b, c, d) \
  faults_call((number), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

enum class { WRITE = 1, SYNC = 2, RENAME = 4, CREATE = 8, ALLOCATE = 16, READ = 32, CLOSE = 64 };
enum deed { EIO_, ENOSPC_, SHORT, DELAY, DROP, KILL, LATE };

static struct {
  int classes;
  char path[256];
  char report[512];
  long after, times, delay_ms;
  enum deed deed;
} rule;
static long seen;

static const struct { long number; const char *name; int class; } calls[] = {
    {SYS_write, "write", WRITE},         {SYS_pwrite64, "pwrite", WRITE},
    {SYS_writev, "writev", WRITE},       {SYS_pwritev, "pwritev", WRITE},
    {SYS_pwritev2, "pwritev2", WRITE},   {SYS_fsync, "fsync", SYNC},
    {SYS_fdatasync, "fdatasync", SYNC},  {SYS_sync_file_range, "sync_file_range", SYNC},
    {SYS_rename, "rename", RENAME},      {SYS_renameat, "renameat", RENAME},
    {SYS_renameat2, "renameat2", RENAME},{SYS_openat, "openat", CREATE},
    {SYS_link, "link", CREATE},          {SYS_linkat, "linkat", CREATE},
    {SYS_mkdir, "mkdir", CREATE},        {SYS_fallocate, "fallocate", ALLOCATE},
    {SYS_ftruncate, "ftruncate", ALLOCATE}, {SYS_pread64, "pread", READ},
    {SYS_close, "close", CLOSE},
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* What was written and not synced, for `drop`. */
enum { RANGES = 8192 };
static struct { int fd; off_t at; size_t length; } unsynced[RANGES];
static int ranges, too_many, lock;

static void take(void) {
  while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) RAW(SYS_sched_yield, 0, 0, 0, 0);
}
static void give(void) { __atomic_store_n(&lock, 0, __ATOMIC_RELEASE); }

static void note(int fd, off_t at, size_t length) {
  take();
  if (ranges > 0 && unsynced[ranges - 1].fd == fd &&
      unsynced[ranges - 1].at + (off_t)unsynced[ranges - 1].length == at)
    unsynced[ranges - 1].length += length;
  else if (ranges < RANGES) {
    unsynced[ranges].fd = fd;
    unsynced[ranges].at = at;
    unsynced[ranges++].length = length;
  } else
    too_many = 1;
  give();
}

/* Forgets the ranges of a file, or gives its pages up first. */
static void settle(int fd, int lose) {
  static const char zeros[4096];
  take();
  int kept = 0;
  for (int i = 0; i < ranges; i++) {
    if (unsynced[i].fd != fd) {
      unsynced[kept++] = unsynced[i];
      continue;
    }
    for (size_t done = 0; lose && !too_many && done < unsynced[i].length; done += sizeof zeros) {
      size_t left = unsynced[i].length - done;
      RAW(SYS_pwrite64, fd, zeros, left < sizeof zeros ? left : sizeof zeros, unsynced[i].at + done);
    }
  }
  ranges = kept;
  give();
}

static size_t text(char *to, const char *from) {
  size_t length = strlen(from);
  memcpy(to, from, length);
  return length;
}

static void report(const char *call, const char *path) {
  char line[1024];
  size_t at = text(line, call);
  line[at++] = ' ';
  size_t length = strlen(path);
  if (length > 900) length = 900;
  memcpy(line + at, path, length);
  at += length;
  line[at++] = '\n';
  long fd = RAW(SYS_open, rule.report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644, 0);
  if (fd < 0) return;
  RAW(SYS_write, fd, line, at, 0);
  RAW(SYS_close, fd, 0, 0, 0);
}

/* The path that a call is about; empty if it has none. */
static void path_of(long number, const long *a, char *path, size_t size) {
  path[0] = 0;
  const char *name = 0;
  switch (number) {
  case SYS_rename: case SYS_link: name = (const char *)a[1]; break;
  case SYS_mkdir: name = (const char *)a[0]; break;
  case SYS_renameat: case SYS_renameat2: case SYS_linkat: name = (const char *)a[3]; break;
  case SYS_openat: name = (const char *)a[1]; break;
  }
  if (name) {
    size_t length = strlen(name);
    if (length < size) memcpy(path, name, length + 1);
    return;
  }
  char link[32] = "/proc/self/fd/", digits[12];
  size_t at = 14, count = 0;
  unsigned fd = (unsigned)a[0];
  do digits[count++] = '0' + fd % 10; while (fd /= 10);
  while (count) link[at++] = digits[--count];
  link[at] = 0;
  long length = RAW(SYS_readlink, link, path, size - 1, 0);
  path[length < 0 ? 0 : length] = 0;
}

static int selected(int class, long number, const long *a, const char *path) {
  if (!(class & rule.classes)) return 0;
  if (number == SYS_openat && !(a[2] & O_CREAT)) return 0;
  return path[0] == '/' && strstr(path, rule.path) != 0;
}

static long half(long number, const long *a) {
  if (number == SYS_writev || number == SYS_pwritev || number == SYS_pwritev2) {
    const struct iovec *parts = (const struct iovec *)a[1];
    for (long i = 0; i < a[2]; i++) {
      struct iovec cut = parts[i];
      if (!cut.iov_len) continue;
      cut.iov_len = (cut.iov_len + 1) / 2;
      return faults_call(number, a[0], (long)&cut, 1, a[3], a[4], a[5]);
    }
  }
  long length = a[2] > 1 ? a[2] / 2 : a[2];
  return faults_call(number, a[0], a[1], length, a[3], a[4], a[5]);
}

static long perform(int class, long number, const long *a) {
  long result = faults_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (rule.deed != DROP) return result;
  if (class == WRITE && result > 0) {
    off_t at = number == SYS_write || number == SYS_writev
                   ? RAW(SYS_lseek, a[0], 0, SEEK_CUR, 0) - result
                   : a[3];
    note((int)a[0], at, (size_t)result);
  }
  if ((class == SYNC && result == 0) || class == CLOSE) settle((int)a[0], 0);
  return result;
}

static void die(void) { RAW(SYS_kill, RAW(SYS_getpid, 0, 0, 0, 0), SIGKILL, 0, 0); }

static long fail(const char *name, int class, long number, const long *a, const char *path) {
  report(name, path);
  switch (rule.deed) {
  case EIO_: return -EIO;
  case ENOSPC_: return -ENOSPC;
  case SHORT: return class == WRITE ? half(number, a) : perform(class, number, a);
  case DELAY: {
    struct timespec pause = {rule.delay_ms / 1000, rule.delay_ms % 1000 * 1000000};
    RAW(SYS_nanosleep, &pause, 0, 0, 0);
    return perform(class, number, a);
  }
  case DROP: settle((int)a[0], 1); return -EIO;
  case KILL: die(); return -EIO;
  case LATE: { long result = perform(class, number, a); die(); return result; }
  }
  return -EIO;
}

static void trapped(int signal, siginfo_t *info, void *context) {
  (void)signal;
  greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
  long a[6] = {regs[REG_RDI], regs[REG_RSI], regs[REG_RDX],
               regs[REG_R10], regs[REG_R8],  regs[REG_R9]};
  long number = info->si_syscall;
  char path[1024];
  for (int i = 0; i < CALLS; i++) {
    if (calls[i].number != number) continue;
    int class = calls[i].class;
    if (class != CLOSE && (class & rule.classes)) path_of(number, a, path, sizeof path);
    else path[0] = 0;
    if (selected(class, number, a, path)) {
      long turn = __atomic_fetch_add(&seen, 1, __ATOMIC_RELAXED);
      if (turn >= rule.after && (!rule.times || turn < rule.after + rule.times)) {
        regs[REG_RAX] = fail(calls[i].name, class, number, a, path);
        return;
      }
    }
    regs[REG_RAX] = perform(class, number, a);
    return;
  }
  regs[REG_RAX] = -ENOSYS;
}

static int parse(void) {
  static const struct { const char *name; int class; } classes[] = {
      {"write", WRITE}, {"sync", SYNC}, {"rename", RENAME},
      {"create", CREATE}, {"allocate", ALLOCATE}, {"read", READ}};
  static const struct { const char *name; enum deed deed; } deeds[] = {
      {"eio", EIO_}, {"enospc", ENOSPC_}, {"short", SHORT}, {"delay:", DELAY},
      {"drop", DROP}, {"kill", KILL}, {"late", LATE}};
  const char *of = getenv("FAULT_CALLS"), *path = getenv("FAULT_PATH"), *deed = getenv("FAULT_DO");
  const char *after = getenv("FAULT_AFTER"), *times = getenv("FAULT_TIMES");
  const char *report = getenv("FAULT_REPORT");
  if (!of || !path || !deed || !after || !times || !report) return 0;
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
    if (strstr(of, classes[i].name)) rule.classes |= classes[i].class;
  for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++)
    if (!strncmp(deed, deeds[i].name, strlen(deeds[i].name))) rule.deed = deeds[i].deed;
  if (rule.deed == DELAY) rule.delay_ms = atol(deed + strlen("delay:"));
  strncpy(rule.path, path, sizeof rule.path - 1);
  strncpy(rule.report, report, sizeof rule.report - 1);
  rule.after = atol(after);
  rule.times = atol(times);
  return 1;
}

__attribute__((constructor)) static void begin(void) {
  if (!parse()) return;
  struct sigaction action = {0};
  action.sa_sigaction = trapped;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
  sigaction(SIGSYS, &action, 0);
  struct sock_filter filter[16 + 2 * CALLS];
  int at = 0;
  uint64_t own = (uint64_t)(uintptr_t)faults_return;
#define LOAD(field) \
  (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define EQUAL(value, yes, no) \
  (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define ANSWER(value) (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (value))
  filter[at++] = LOAD(arch);
  filter[at++] = EQUAL(AUDIT_ARCH_X86_64, 1, 0);
  filter[at++] = ANSWER(SECCOMP_RET_ALLOW);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 8);
  filter[at++] = EQUAL((uint32_t)own, 0, 3);
  filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 12);
  filter[at++] = EQUAL((uint32_t)(own >> 32), 0, 1);
  filter[at++] = ANSWER(SECCOMP_RET_ALLOW);
  filter[at++] = LOAD(nr);
  for (int i = 0; i < CALLS; i++) {
    int needed = (calls[i].class & rule.classes) || (rule.deed == DROP && calls[i].class != READ);
    if (!needed) continue;
    filter[at++] = EQUAL((uint32_t)calls[i].number, 0, 1);
    filter[at++] = ANSWER(SECCOMP_RET_TRAP);
  }
  filter[at++] = ANSWER(SECCOMP_RET_ALLOW);
  struct sock_fprog program = {(unsigned short)at, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
    _exit(99);
}
