/* What the machine's BLAS gives a C program: cc -O2 sgemm.c -ldl; ./a.out LIBRARY THREADS N TIMES prints milliseconds, one a line. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef void (*sgemm_fn)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
typedef void (*threads_fn)(int);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  void *library = dlopen(argv[1], RTLD_NOW);
  if (!library) return fprintf(stderr, "%s\n", dlerror()), 1;
  sgemm_fn sgemm = (sgemm_fn)dlsym(library, "cblas_sgemm");
  threads_fn set_threads = (threads_fn)dlsym(library, "openblas_set_num_threads");
  if (!sgemm || !set_threads) return fprintf(stderr, "no cblas_sgemm of OpenBLAS\n"), 1;
  set_threads(atoi(argv[2]));
  int n = atoi(argv[3]), times = atoi(argv[4]);
  float *a = malloc(4l * n * n), *b = malloc(4l * n * n), *c = malloc(4l * n * n);
  for (int i = 0; i < n * n; i++) a[i] = sinf(i), b[i] = cosf(i);
  for (int i = -10; i < times; i++) {
    double began = now();
    sgemm(101, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
    if (i >= 0) printf("%f\n", now() - began);
  }
  return 0;
}
