// A missing or wrong addon: the error names the platform package, the likely cause and the fix.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { copyPackage, copyPackageWithAddon, fakePlatformPackage } from './support/copies.mjs'
import { runNode, temporaryFolder } from './support/processes.mjs'

const { version, napi } = JSON.parse(readFileSync('package.json', 'utf8'))

/** Makes a folder where the package is installed without its addon. */
async function installed(t) {
  const folder = await temporaryFolder(t)
  await copyPackage(folder)
  return folder
}

/** The message of the error that `require` throws in `folder`, on a machine that is `system`. */
async function failure(folder, [platform, arch, libc]) {
  const header = libc === 'glibc' ? { glibcVersionRuntime: '2.36' } : {}
  return await runNode(`
    import { createRequire } from 'node:module'
    Object.defineProperty(process, 'platform', { value: '${platform}' })
    Object.defineProperty(process, 'arch', { value: '${arch}' })
    process.report.getReport = () => (${JSON.stringify({ header })})
    try {
      createRequire(${JSON.stringify(join(folder, 'x.js'))})('velt-auth')
    } catch (error) {
      console.log(error.message)
    }
  `)
}

const SYSTEMS = {
  'linux-x64-gnu': ['linux', 'x64', 'glibc'],
  'linux-x64-musl': ['linux', 'x64', 'musl'],
  'linux-arm64-gnu': ['linux', 'arm64', 'glibc'],
  'linux-arm64-musl': ['linux', 'arm64', 'musl'],
  'darwin-x64': ['darwin', 'x64'],
  'darwin-arm64': ['darwin', 'arm64'],
  'win32-x64-msvc': ['win32', 'x64'],
  'win32-arm64-msvc': ['win32', 'arm64'],
}

const HERE = Object.keys(SYSTEMS).find((name) =>
  name.startsWith(`${process.platform}-${process.arch}`),
)

test('no platform package: the message names the one for this system, and how to install it', async (t) => {
  const folder = await installed(t)
  assert.equal(Object.keys(SYSTEMS).length, napi.targets.length)
  for (const [name, system] of Object.entries(SYSTEMS)) {
    const said = await failure(folder, system)
    assert.ok(said.startsWith(`velt-auth ${version} cannot load velt-auth-${name}: `), said)
    assert.match(said, /it is not installed.+--omit=optional.+package-lock\.json.+npm install/)
  }
})

test('a platform package of another system: the message names that package', async (t) => {
  const folder = await installed(t)
  await fakePlatformPackage(folder, 'velt-auth-darwin-arm64')
  assert.match(
    await failure(folder, SYSTEMS['linux-x64-gnu']),
    /cannot load velt-auth-linux-x64-gnu: velt-auth-darwin-arm64 is installed instead.+Docker/,
  )
})

test('a platform package of another version: the message names both versions', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(await copyPackageWithAddon(folder), 'package.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace(`"${version}"`, '"0.0.1"'))
  assert.match(
    await failure(folder, SYSTEMS[HERE]),
    new RegExp(`^velt-auth 0\\.0\\.1 cannot load velt-auth-${HERE}: its version is ${version}\\.`),
  )
})

test('a binary that the system cannot load: the message says why', async (t) => {
  const folder = await installed(t)
  await fakePlatformPackage(folder, `velt-auth-${HERE}`, 'no addon at all')
  assert.match(
    await failure(folder, SYSTEMS[HERE]),
    new RegExp(`cannot load velt-auth-${HERE}: the system cannot load the file \\(.+\\)`),
  )
})

test('an unsupported system: the message lists the supported ones', async (t) => {
  const said = await failure(await installed(t), ['freebsd', 'x64'])
  assert.match(said, /^velt-auth has no binary for freebsd-x64\. It supports linux-x64-gnu, /)
})
