import { Argument } from 'commander';

/** An argument that names a setting of the configuration, which shells can complete. */
export class SettingArgument extends Argument {}
