//! What the kernel knows of this thread: its CPU time, its CPU, and how often it had to make way.
#![expect(unsafe_code, reason = "CPU clocks, pinning and usage are system calls")]

/// Nanoseconds of CPU time this thread has used.
pub fn cpu_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec to write to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    assert_eq!(result, 0, "the thread's CPU clock is readable");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Binds this thread to the n-th CPU that the process may use.
pub fn pin(nth: usize) {
    // SAFETY: a zeroed cpu_set_t is an empty set; the kernel fills and reads exactly its size; CPU numbers stay
    // below CPU_SETSIZE.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        if libc::sched_getaffinity(0, size, &raw mut allowed) != 0 {
            return;
        }
        let mut mine =
            (0..libc::CPU_SETSIZE as usize).filter(|&cpu| libc::CPU_ISSET(cpu, &allowed));
        if let Some(cpu) = mine.nth(nth) {
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(cpu, &mut one);
            libc::sched_setaffinity(0, size, &raw const one);
        }
    }
}

/// How often the kernel has taken the CPU away from this thread.
pub fn preemptions() -> i64 {
    // SAFETY: all-zero bytes are a valid rusage, which the call then fills.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage);
        usage
    };
    usage.ru_nivcsw
}

/// Keeps a server on the last CPU, and this process on the others, until it is dropped: a far server takes no
/// CPU from its callers, and where the system puts them in relation to each other is no matter of luck.
pub struct Apart(Option<(u32, libc::cpu_set_t)>);

impl Apart {
    /// From the server with this process number. Nothing where there is one CPU only.
    pub fn from(server: u32) -> Self {
        // SAFETY: as in `pin`.
        let (allowed, ours, theirs) = unsafe {
            let mut allowed: libc::cpu_set_t = std::mem::zeroed();
            if libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut allowed) != 0 {
                return Apart(None);
            }
            let mut cpus = (0..libc::CPU_SETSIZE as usize).rev();
            let Some(last) = cpus.find(|&cpu| libc::CPU_ISSET(cpu, &allowed)) else {
                return Apart(None);
            };
            let (mut ours, mut theirs) = (allowed, std::mem::zeroed());
            libc::CPU_CLR(last, &mut ours);
            libc::CPU_SET(last, &mut theirs);
            if libc::CPU_COUNT(&ours) == 0 {
                return Apart(None);
            }
            (allowed, ours, theirs)
        };
        put(server, &theirs);
        put(std::process::id(), &ours);
        Apart(Some((server, allowed)))
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some((server, allowed)) = &self.0 {
            put(*server, allowed);
            put(std::process::id(), allowed);
        }
    }
}

/// Puts all threads of a process, and those that they start, on these CPUs.
fn put(process: u32, cpus: &libc::cpu_set_t) {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return };
    for thread in threads.flatten() {
        let Some(Ok(thread)) = thread.file_name().to_str().map(str::parse) else { continue };
        // SAFETY: the kernel reads exactly the size of a set; a thread that has ended is an error without effect.
        unsafe { libc::sched_setaffinity(thread, size_of::<libc::cpu_set_t>(), cpus) };
    }
}
