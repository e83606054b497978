/** What the agent of `plan42 run` may reach: its model and package registries; its model; every public host; anything. */
export const runNetworks = ['packages', 'minimal', 'public', 'open'] as const;
export type RunNetwork = (typeof runNetworks)[number];
