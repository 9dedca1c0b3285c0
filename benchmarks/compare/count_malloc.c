// Counts allocations above 1 KiB; to be loaded with LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>

static const size_t small = 1024;
static long count;

// glibc's own names: asking dlsym for malloc inside malloc would go round in circles.
extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static void note(size_t bytes) {
  if (bytes > small) __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);
}

long counted_allocations(void) { return __atomic_load_n(&count, __ATOMIC_RELAXED); }

void* malloc(size_t bytes) {
  note(bytes);
  return __libc_malloc(bytes);
}

void* calloc(size_t n, size_t bytes) {
  note(n * bytes);
  return __libc_calloc(n, bytes);
}

void* realloc(void* old, size_t bytes) {
  note(bytes);
  return __libc_realloc(old, bytes);
}

void* memalign(size_t alignment, size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void** result, size_t alignment, size_t bytes) {
  *result = memalign(alignment, bytes);
  return *result ? 0 : 12;  // ENOMEM
}

// What a program maps itself; glibc's own mappings for large blocks do not come by here.
void* mmap(void* address, size_t bytes, int protection, int flags, int file, off_t offset) {
  static void* (*next)(void*, size_t, int, int, int, off_t);
  if (!next) next = (void* (*)(void*, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
  note(bytes);
  return next(address, bytes, protection, flags, file, offset);
}
