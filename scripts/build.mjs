// `npm run build` and `npm run build:debug`: compiles the addon for this machine, and generates its
// types (lib/addon.d.ts). `--release` optimizes.

import { spawnSync } from 'node:child_process'

const NAPI = 'napi build --platform --no-js --no-const-enum --dts lib/addon.d.ts'

const args = [...NAPI.split(' '), ...process.argv.slice(2), '--', '--locked']
process.exit(spawnSync('npx', args, { stdio: 'inherit', shell: true }).status ?? 1)
