// What cargo needs to build for another platform than the one it runs on.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { run, succeeds } from './run.mjs'
import { debian, pypi } from './tools.mjs'

/** Old enough for every Linux that Node 20 runs on: RHEL 7, Amazon Linux 2, Debian 8. */
export const OLDEST_GLIBC = '2.17'

/**
 * Linux: zig links, since it knows the symbols of every glibc and has a musl.
 * macOS and Windows: their own linkers, on their own machines.
 */
export function toolchain({ triple, os, libc }) {
  const std = standardLibrary(triple)
  if (os !== 'linux') return { ...std, cargo: ['build', '--target', triple] }
  const zig = join(pypi('ziglang==0.17.1', 'cargo-zigbuild==0.24.0'), 'bin')
  const target = libc === 'glibc' ? `${triple}.${OLDEST_GLIBC}` : triple
  return {
    ...std,
    cargo: ['zigbuild', '--target', target],
    env: { ...std.env, PATH: `${zig}:${process.env.PATH}` },
    // A musl addon is loaded by a Node that has a musl of its own: it must not bring another.
    flags: libc === 'musl' ? ['-Ctarget-feature=-crt-static'] : [],
  }
}

/**
 * Rust's standard library for `triple`: there already, or from rustup; where rustup has no way to
 * it, Debian's newest Rust (the one of its browsers) has the source.
 */
function standardLibrary(triple) {
  const libraries = run('rustc', ['--print', 'target-libdir', '--target', triple], {
    stdio: 'pipe',
  })
  if (existsSync(libraries.trim()) || succeeds('rustup', ['target', 'add', triple])) return {}
  const root = debian('rustc-web', 'rust-web-src')
  const host = { x64: 'x86_64', arm64: 'aarch64' }[process.arch]
  return {
    arguments: ['-Zbuild-std=std,panic_unwind'],
    env: {
      RUSTC: join(root, 'usr', 'bin', 'rustc'),
      RUSTC_BOOTSTRAP: '1',
      LD_LIBRARY_PATH: join(root, 'usr', 'lib', `${host}-linux-gnu`),
    },
  }
}
