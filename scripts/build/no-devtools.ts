/** Stands in the bundle for React's debugger, which Ink asks for in development. */
export default {};
