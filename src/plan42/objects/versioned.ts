import * as v from 'valibot';
import { integer, type ObjectOf } from '../fields.ts';

/** The fields of every versioned object. */
export const versionFields = { CreatedAt: v.string(), UpdatedAt: v.string(), Version: integer };
export type Versioned = ObjectOf<typeof versionFields>;
