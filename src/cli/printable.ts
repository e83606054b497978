export { printable, printableLine } from '../lib/printable.ts';
