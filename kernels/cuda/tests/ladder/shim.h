// Compiles the kernels with g++ and runs them on a processor: the shim of the test ladder.
//
// A thread of a block is a fibre where the kernel has barriers, and a turn of a loop where it has
// none. Threads take turns in rising or falling order, so that a missing barrier shows as a wrong
// result in at least one of them. What a block shares is static. Buffers end at a page that cannot
// be read and begin full of a pattern, so that an index out of bounds ends the process and an
// element that nobody wrote shows.

#define ASSAY_SHIM

#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct ShimPoint {
	int32_t x, y;
};

static thread_local ShimPoint shim_thread, shim_block, shim_threads;

void shim_barrier();

#define KERNEL extern "C" void
#define DEVICE static inline
#define GLOBAL
#define LOCAL
#define SHARED static thread_local
#define BARRIER() shim_barrier()
#define THREAD_X (shim_thread.x)
#define THREAD_Y (shim_thread.y)
#define BLOCK_X (shim_block.x)
#define BLOCK_Y (shim_block.y)
#define THREADS_X (shim_threads.x)
#define THREADS_Y (shim_threads.y)
#define UNROLL

static const int SHIM_MAX_THREADS = 256;
static const size_t SHIM_STACK = 64 << 10;

enum ShimWait { SHIM_RUNS, SHIM_AT_BARRIER, SHIM_AT_WARP, SHIM_DONE };

struct ShimFibre {
	ucontext_t context;
	jmp_buf place;
	char *stack;
	ShimWait wait;
	bool started;
};

typedef void (*ShimKernel)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
	uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
	uint64_t, uint64_t);

static thread_local ShimFibre *shim_fibres;
static thread_local int shim_current = -1;
static thread_local jmp_buf shim_scheduler;
static thread_local ShimKernel shim_kernel;
static thread_local const uint64_t *shim_arguments;

[[noreturn]] static void shim_fail(const char *what)
{
	fprintf(stderr, "shim: %s\n", what);
	abort();
}

// Integers and pointers go through registers and eight-byte slots alike on the machines that the
// tests run on, so a kernel can be called with more arguments than it has.
__attribute__((no_sanitize("undefined"))) static void shim_call()
{
	const uint64_t *a = shim_arguments;
	shim_kernel(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12],
		a[13], a[14], a[15], a[16], a[17]);
}

static void shim_yield(ShimWait wait)
{
	if (shim_current < 0) {
		shim_fail("a barrier in a kernel that the table says has none");
	}
	ShimFibre &fibre = shim_fibres[shim_current];
	fibre.wait = wait;
	if (!_setjmp(fibre.place)) {
		_longjmp(shim_scheduler, 1);
	}
}

void shim_barrier() { shim_yield(SHIM_AT_BARRIER); }

static void shim_fibre()
{
	for (;;) {
		shim_call();
		shim_yield(SHIM_DONE);
	}
}

static void shim_place(int thread)
{
	shim_thread.x = thread % shim_threads.x;
	shim_thread.y = thread / shim_threads.x;
}

static void shim_resume(int thread)
{
	ShimFibre &fibre = shim_fibres[thread];
	shim_place(thread);
	shim_current = thread;
	fibre.wait = SHIM_RUNS;
	if (!_setjmp(shim_scheduler)) {
		if (fibre.started) {
			_longjmp(fibre.place, 1);
		}
		fibre.started = true;
		getcontext(&fibre.context);
		fibre.context.uc_stack.ss_sp = fibre.stack;
		fibre.context.uc_stack.ss_size = SHIM_STACK;
		makecontext(&fibre.context, shim_fibre, 0);
		setcontext(&fibre.context);
	}
	shim_current = -1;
}

static bool shim_all(int from, int to, ShimWait wait)
{
	for (int thread = from; thread < to; thread++) {
		if (shim_fibres[thread].wait != wait) {
			return false;
		}
	}
	return true;
}

// Runs a block whose threads wait for each other.
static void shim_run_fibres(int count, bool reversed)
{
	for (int thread = 0; thread < count; thread++) {
		shim_fibres[thread].wait = SHIM_RUNS;
	}
	while (!shim_all(0, count, SHIM_DONE)) {
		bool moved = false;
		for (int turn = 0; turn < count; turn++) {
			const int thread = reversed ? count - 1 - turn : turn;
			if (shim_fibres[thread].wait == SHIM_RUNS) {
				shim_resume(thread);
				moved = true;
			}
		}
		for (int warp = 0; warp + 32 <= count; warp += 32) {
			if (shim_all(warp, warp + 32, SHIM_AT_WARP)) {
				for (int thread = warp; thread < warp + 32; thread++) {
					shim_fibres[thread].wait = SHIM_RUNS;
				}
				moved = true;
			}
		}
		if (shim_all(0, count, SHIM_AT_BARRIER)) {
			for (int thread = 0; thread < count; thread++) {
				shim_fibres[thread].wait = SHIM_RUNS;
			}
			moved = true;
		}
		if (!moved) {
			shim_fail("threads of a block wait at different barriers");
		}
	}
}

extern "C" void shim_launch(void *kernel, const uint64_t *arguments, const uint32_t *blocks,
	const uint32_t *threads, int barriers, int reversed)
{
	shim_kernel = (ShimKernel)kernel;
	shim_arguments = arguments;
	shim_threads = {(int32_t)threads[0], (int32_t)threads[1]};
	const int count = shim_threads.x * shim_threads.y;
	if (count > SHIM_MAX_THREADS) {
		shim_fail("more threads than a block has");
	}
	if (barriers && !shim_fibres) {
		// Kept for the life of the thread; a test ends soon.
		shim_fibres = (ShimFibre *)calloc(SHIM_MAX_THREADS, sizeof(ShimFibre));
		for (int thread = 0; thread < SHIM_MAX_THREADS; thread++) {
			shim_fibres[thread].stack = (char *)malloc(SHIM_STACK);
		}
	}
	const uint64_t all = (uint64_t)blocks[0] * blocks[1];
	for (uint64_t turn = 0; turn < all; turn++) {
		const uint64_t block = reversed ? all - 1 - turn : turn;
		shim_block = {(int32_t)(block % blocks[0]), (int32_t)(block / blocks[0])};
		if (barriers) {
			shim_run_fibres(count, reversed);
			continue;
		}
		for (int thread = 0; thread < count; thread++) {
			shim_place(reversed ? count - 1 - thread : thread);
			shim_call();
		}
	}
}

static size_t shim_pages(size_t bytes)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	return (bytes + page - 1) / page * page;
}

// Memory that ends at a page nobody may touch; null where there is none. The pattern is no likely
// value of any tensor.
extern "C" void *shim_allocate(size_t bytes)
{
	const size_t used = (bytes + 15) / 16 * 16;
	const size_t pages = shim_pages(used);
	const size_t page = sysconf(_SC_PAGESIZE);
	char *start = (char *)mmap(nullptr, pages + page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED) {
		return nullptr;
	}
	if (mprotect(start + pages, page, PROT_NONE) != 0) {
		munmap(start, pages + page);
		return nullptr;
	}
	char *memory = start + pages - used;
	memset(memory, 0xa5, used);
	return memory;
}

extern "C" void shim_release(void *memory, size_t bytes)
{
	const size_t used = (bytes + 15) / 16 * 16;
	const size_t pages = shim_pages(used);
	munmap((char *)memory + used - pages, pages + sysconf(_SC_PAGESIZE));
}

// `mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32`: lanes lay down their fragments, wait for each
// other, and each works out its own four sums from all fragments.

struct ShimFragments {
	int32_t left[4], right[2];
};

static thread_local ShimFragments shim_fragments[SHIM_MAX_THREADS];

static int32_t shim_byte(int32_t word, int number)
{
	return (int8_t)((uint32_t)word >> (8 * number));
}

// Element (row, k) of the left operand and (k, column) of the right one, by the layout of the
// instruction: lane = 4 * (row % 8) + k % 16 / 4, register = row / 8 + 2 * (k / 16).
static int32_t shim_left(const ShimFragments *warp, int row, int k)
{
	return shim_byte(warp[row % 8 * 4 + k % 16 / 4].left[row / 8 + k / 16 * 2], k % 4);
}

static int32_t shim_right(const ShimFragments *warp, int k, int column)
{
	return shim_byte(warp[column * 4 + k % 16 / 4].right[k / 16], k % 4);
}

static void mma(int32_t *sums, const int32_t *left, const int32_t *right)
{
	const int thread = shim_current;
	ShimFragments *warp = shim_fragments + thread / 32 * 32;
	const int lane = thread % 32;
	memcpy(warp[lane].left, left, sizeof warp[lane].left);
	memcpy(warp[lane].right, right, sizeof warp[lane].right);
	shim_yield(SHIM_AT_WARP);
	for (int part = 0; part < 4; part++) {
		const int row = lane / 4 + part / 2 * 8;
		const int column = lane % 4 * 2 + part % 2;
		uint32_t sum = (uint32_t)sums[part];
		for (int k = 0; k < 32; k++) {
			sum += (uint32_t)(shim_left(warp, row, k) * shim_right(warp, k, column));
		}
		sums[part] = (int32_t)sum;
	}
	shim_yield(SHIM_AT_WARP);
}
