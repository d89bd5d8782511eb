import { conformance } from './suite.ts';

await conformance('tensorflow', { required: process.env['LOCKSTEP_REQUIRE_NATIVE'] === '1' });
