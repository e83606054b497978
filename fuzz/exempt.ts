/** Functions with text parameters that see no text from outside, or none that they interpret. Each with the reason. */
export const exemptions: Readonly<Record<string, string>> = {};
