/** Formats an amount of money without a currency, as in `12.50`, or `0.00123` if it is small. */
export function formatCost(amount: number): string {
  return amount >= 1 || amount === 0 ? amount.toFixed(2) : String(Number(amount.toPrecision(3)));
}
