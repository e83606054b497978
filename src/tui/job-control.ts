/** Suspending and resuming the program, as with Ctrl-Z and fg in a shell. */
export interface JobControl {
  /** Suspends the program and resolves when it resumes; immediately if there is no shell that could resume it. */
  stop: () => Promise<void>;
  /** Calls back when the program resumes. Returns a function that unsubscribes. */
  onContinued: (listener: () => void) => () => void;
}
