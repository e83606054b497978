/** The ID of the agent that works on a turn. Its sub-agents have their own. In a file of its own for browsers. */
export const mainAgentId = '00000000-0000-0000-0000-000000000000';
