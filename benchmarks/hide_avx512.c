/* Makes a peer run as on a processor that has AVX2 but neither AVX-512, AVX-VNNI nor AMX.
 *
 *     cc -O2 -shared -fPIC -o hide_avx512.so benchmarks/hide_avx512.c
 *     BAYES8_ISA=avx2 LD_PRELOAD=$PWD/hide_avx512.so python benchmarks/compare.py ...
 *
 * Libraries such as ONNX Runtime ask CPUID which kernels to use and have no option to say otherwise.
 * Linux can make the instruction fault (arch_prctl, ARCH_SET_CPUID; most processors since Ivy Bridge and
 * Zen 4 have it). The handler here executes it and clears the bits of what is to be hidden. Threads
 * inherit the setting; a program that is started does not, so its own LD_PRELOAD counts.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012

/* Leaf 7, subleaf 0: AVX-512, the VNNI of AVX-512, AMX. Subleaf 1: AVX-VNNI, AVX512-BF16, AMX-FP16. */
#define HIDDEN_7_0_EBX (1u << 16 | 1u << 17 | 1u << 21 | 1u << 28 | 1u << 30 | 1u << 31)
#define HIDDEN_7_0_ECX (1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14)
#define HIDDEN_7_0_EDX (1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25)
#define HIDDEN_7_1_EAX (1u << 4 | 1u << 5 | 1u << 21)
#define HIDDEN_7_1_EDX (1u << 4 | 1u << 5 | 1u << 8 | 1u << 10)

static void faulted(int signal, siginfo_t *info, void *context) {
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const unsigned char *at = (const unsigned char *)registers[REG_RIP];
    (void)info;
    if (at[0] != 0x0f || at[1] != 0xa2) { /* not CPUID: a real fault */
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(signal, &action, NULL);
        return;
    }
    unsigned leaf = (unsigned)registers[REG_RAX], subleaf = (unsigned)registers[REG_RCX];
    unsigned a, b, c, d;
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    __cpuid_count(leaf, subleaf, a, b, c, d);
    syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0);
    if (leaf == 7 && subleaf == 0) {
        b &= ~HIDDEN_7_0_EBX;
        c &= ~HIDDEN_7_0_ECX;
        d &= ~HIDDEN_7_0_EDX;
    } else if (leaf == 7 && subleaf == 1) {
        a &= ~HIDDEN_7_1_EAX;
        d &= ~HIDDEN_7_1_EDX;
    }
    registers[REG_RAX] = a;
    registers[REG_RBX] = b;
    registers[REG_RCX] = c;
    registers[REG_RDX] = d;
    registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void hide(void) {
    struct sigaction action = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGSEGV, &action, NULL) != 0 || syscall(SYS_arch_prctl, ARCH_SET_CPUID, 0) != 0) {
        perror("hide_avx512: this processor or system cannot hide instructions");
        exit(1);
    }
}
