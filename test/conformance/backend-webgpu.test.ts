import { conformance } from './suite.ts';

await conformance('webgpu', { required: process.env['LOCKSTEP_REQUIRE_WEBGPU'] === '1' });
