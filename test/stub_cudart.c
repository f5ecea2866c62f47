/* A libcudart of a few lines, to see what reaches C: each function writes itself and its arguments into a log, does
   the plainest thing, and fails with the code that a test has set for it. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char record[65536];
static size_t used;
static char failing[64];
static int failure;
static unsigned long next_handle = 0xABCD00000000UL;

static volatile int held, waiting;

const char *stub_log(void) { return record; }
void stub_hold(int yes) { held = yes; }
int stub_waiting(void) { return waiting; }
void stub_fail(const char *function, int code) { snprintf(failing, sizeof failing, "%s", function); failure = code; }

static int called(const char *function, int count, ...) {
    va_list arguments;
    va_start(arguments, count);
    used += snprintf(record + used, sizeof record - used, "%s", function);
    for (int i = 0; i < count; ++i)
        used += snprintf(record + used, sizeof record - used, " %lx", va_arg(arguments, unsigned long));
    va_end(arguments);
    used += snprintf(record + used, sizeof record - used, "\n");
    return strcmp(failing, function) ? 0 : failure;
}

#define U(x) ((unsigned long)(x))
#define TAKES(name) int name(void *a) { return called(#name, 1, U(a)); }
#define TAKES_TWO(name) int name(void *a, void *b) { return called(#name, 2, U(a), U(b)); }
#define GIVES_NUMBER(name, number) int name(int *out) { *out = number; return called(#name, 0); }

GIVES_NUMBER(cudaDriverGetVersion, 12060)
GIVES_NUMBER(cudaRuntimeGetVersion, 12020)
GIVES_NUMBER(cudaGetDeviceCount, 1)
TAKES(cudaStreamQuery)
TAKES(cudaStreamSynchronize)
TAKES(cudaStreamDestroy)
TAKES(cudaEventDestroy)
TAKES(cudaGraphExecDestroy)
TAKES(cudaGraphDestroy)
TAKES_TWO(cudaEventRecord)
TAKES_TWO(cudaGraphLaunch)

int cudaSetDevice(int device) { return called("cudaSetDevice", 1, U(device)); }
int cudaGetLastError(void) { return called("cudaGetLastError", 0); }

/* Waits while a test holds the GPU; one that nobody lets go within a minute fails. */
int cudaEventSynchronize(void *event) {
    waiting = 1;
    for (int left = 60000; held && left; --left) usleep(1000);
    waiting = 0;
    return held ? 999 : called("cudaEventSynchronize", 1, U(event));
}

int cudaDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute;
    return called("cudaDeviceGetAttribute", 2, U(attribute), U(device));
}

int cudaMemGetInfo(size_t *free, size_t *total) {
    *free = 5UL << 32, *total = 6UL << 32;
    return called("cudaMemGetInfo", 0);
}

int cudaGetDeviceProperties(char *properties, int device) {
    memset(properties, 'x', 1032);
    strcpy(properties, "Stub");
    return called("cudaGetDeviceProperties", 1, U(device));
}

int cudaMalloc(void **out, size_t size) {
    *out = aligned_alloc(256, (size + 255) / 256 * 256);
    return called("cudaMalloc", 1, size);
}

int cudaFree(void *memory) {
    int code = called("cudaFree", 1, U(memory));
    free(memory);
    return code;
}

int cudaHostAlloc(void **out, size_t size, unsigned flags) {
    *out = aligned_alloc(256, (size + 255) / 256 * 256);
    return called("cudaHostAlloc", 2, size, U(flags));
}

int cudaFreeHost(void *memory) {
    int code = called("cudaFreeHost", 1, U(memory));
    free(memory);
    return code;
}

int cudaHostGetDevicePointer(void **out, void *memory, unsigned flags) {
    *out = memory;
    return called("cudaHostGetDevicePointer", 2, U(memory), U(flags));
}

int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) {
    memcpy(to, from, size);
    return called("cudaMemcpyAsync", 3, size, U(kind), U(stream));
}

int cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
    *least = 0, *greatest = -5;
    return called("cudaDeviceGetStreamPriorityRange", 0);
}

int cudaStreamCreateWithPriority(void **out, unsigned flags, int priority) {
    *out = (void *)next_handle++;
    return called("cudaStreamCreateWithPriority", 2, U(flags), U(-priority));
}

int cudaEventCreateWithFlags(void **out, unsigned flags) {
    *out = (void *)next_handle++;
    return called("cudaEventCreateWithFlags", 1, U(flags));
}

int cudaStreamBeginCapture(void *stream, int mode) { return called("cudaStreamBeginCapture", 2, U(stream), U(mode)); }

int cudaStreamEndCapture(void *stream, void **out) {
    *out = (void *)next_handle++;
    return called("cudaStreamEndCapture", 1, U(stream));
}

int cudaGraphInstantiateWithFlags(void **out, void *graph, unsigned long long flags) {
    *out = (void *)next_handle++;
    return called("cudaGraphInstantiateWithFlags", 2, U(graph), U(flags));
}

const char *cudaGetErrorName(int code) { return code == 700 ? "cudaErrorIllegalAddress" : "cudaErrorInvalidValue"; }
const char *cudaGetErrorString(int code) { return code == 700 ? "illegal address" : "invalid argument"; }
