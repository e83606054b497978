/** The limits of the network of `plan42 run`: its model and package registries; its model; every public host; anything. */
export const runNetworks = ['packages', 'minimal', 'public', 'open'] as const;
export type RunNetwork = (typeof runNetworks)[number];
