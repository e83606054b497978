/** The small repository of the demo, whose second test fails. */
export const repository = 'acme/shop';

export const files: Readonly<Record<string, string>> = {
  'README.md': '# Shop\n\nA shopping cart. Run the tests with `node --test`.\n',
  'package.json': '{ "name": "shop", "type": "module", "scripts": { "test": "node --test" } }\n',
  'cart.js': `/** Returns what the items in a cart cost. */
export function total(items) {
  return items.reduce((sum, item) => sum + item.price, 0);
}
`,
  'cart.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { total } from './cart.js';

test('an empty cart costs nothing', () => {
  assert.equal(total([]), 0);
});

test('two mugs cost twice as much as one', () => {
  assert.equal(total([{ name: 'mug', price: 3.5, quantity: 2 }]), 7);
});
`,
};

export const task = { title: 'Fix the failing test', prompt: 'A test fails. Find the cause, and fix it.' };

export const review = {
  author: 'ann',
  path: 'cart.js',
  comment: 'Three stickers at 0.10 cost 0.30000000000000004. Please round to pennies, and add a test.',
  prompt: 'Address the review.',
};
