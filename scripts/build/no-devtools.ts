/** Replaces React's debugger in the bundle. Ink imports it for development. */
export default {};
