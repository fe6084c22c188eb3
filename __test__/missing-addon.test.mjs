// A missing or wrong addon: the error names the platform package, the likely cause and the fix.

import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { describe, test } from 'node:test'
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

describe('VELT_AUTH_ADDON', () => {
  const addon = resolve(`velt-auth.${HERE}.node`)

  /** Loads the package from `folder`, which has no addon, and prints the error, or a token's user. */
  const load = (folder, path) =>
    runNode(
      `
      import { createRequire } from 'node:module'
      import { startEmulator } from 'velt-auth/emulator'
      const { url: baseUrl, apiKey, authToken, verify, close } = await startEmulator()
      try {
        const { generateVeltAuthToken } = createRequire(${JSON.stringify(join(folder, 'x.js'))})('velt-auth')
        const token = await generateVeltAuthToken('ada', { baseUrl, apiKey, authToken })
        console.log(verify(token).userId)
      } catch (error) {
        console.log(error.message)
      }
      await close()
    `,
      { VELT_AUTH_ADDON: path },
    )

  test('the addon is loaded from that path, under any name', async (t) => {
    const folder = await installed(t)
    const copy = join(folder, 'any name.bin')
    copyFileSync(addon, copy)
    assert.equal(await load(folder, copy), 'ada\n')
    assert.equal(await load(folder, relative('.', copy)), 'ada\n')
  })

  test('a wrong path: the message names the variable, the path, the package and the cause', async (t) => {
    const folder = await installed(t)
    const garbage = join(folder, 'garbage.node')
    writeFileSync(garbage, 'no addon at all')
    for (const path of [join(folder, 'none.node'), garbage]) {
      const said = await load(folder, path)
      assert.ok(
        said.startsWith(`velt-auth ${version} cannot load ${path}, the value of VELT_AUTH_ADDON.`),
      )
      assert.ok(
        said.includes(`velt-auth-${HERE}`) && said.includes(`in version ${version}. The cause: `),
      )
    }
  })

  test('an addon of another version: the message names both versions', async (t) => {
    const folder = await installed(t)
    const file = join(folder, 'node_modules/velt-auth/package.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace(`"${version}"`, '"0.0.1"'))
    const said = await load(folder, addon)
    assert.match(said, new RegExp(`in version 0\\.0\\.1\\. The cause: its version is ${version}`))
  })
})
