/** How a program and the shell that started it take turns with the terminal. */
export interface JobControl {
  /** Stops the program until the shell goes on with it, and resolves then; soon where there is no shell that could. */
  stop: () => Promise<void>;
  /** Calls back when the program goes on after anybody has stopped it. Returns what ends that. */
  onContinued: (listener: () => void) => () => void;
}
