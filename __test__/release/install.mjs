// Installs the packed package with npm in an empty folder, with no Rust and no compiler on the PATH.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { cp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { publishRelease } from '../support/release.mjs'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

const PROGRAM = `
const emulator = await startEmulator()
const { url: baseUrl, apiKey, authToken } = emulator
const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
const { token } = await client.generateToken({ userId: 'ada' })
console.log(emulator.verify(token).userId)
await emulator.close()
`

let release
let installed

before(async () => {
  release = await publishRelease()
  installed = await release.project('installed')
  await release.npm(installed, 'install', 'velt-auth')
})
after(() => release.close())

/** The message of the error when the addon cannot be loaded. */
async function loadErrorIn(folder) {
  const source = "try { require('velt-auth') } catch (error) { console.log(error.message) }"
  return await release.node(folder, '--eval', source)
}

/** The platform package that npm installed for this machine: exactly one. */
async function platformPackage(folder) {
  const names = (await readdir(join(folder, 'node_modules'))).filter((name) => /^velt-/.test(name))
  assert.equal(names.length, 2, `velt-auth and one platform package, not ${names}`)
  return names.find((name) => name !== 'velt-auth')
}

test('npm installs the platform package of this machine and no other', async () => {
  assert.match(await platformPackage(installed), new RegExp(`${process.platform}-${process.arch}`))
})

test('a token from ESM', async () => {
  const imports =
    "import { VeltAuthClient } from 'velt-auth'\nimport { startEmulator } from 'velt-auth/emulator'"
  await writeFile(join(installed, 'esm.mjs'), imports + PROGRAM)
  assert.equal(await release.node(installed, 'esm.mjs'), 'ada\n')
})

test('a token from CommonJS', async () => {
  const requires =
    "const { VeltAuthClient } = require('velt-auth')\nconst { startEmulator } = require('velt-auth/emulator')"
  await writeFile(join(installed, 'cjs.cjs'), `${requires};(async () => {${PROGRAM}})()`)
  assert.equal(await release.node(installed, 'cjs.cjs'), 'ada\n')
})

test('a token from TypeScript, checked in strict mode', async () => {
  const typed = PROGRAM.replace('const { token }', 'const { token }: VeltToken')
  const imports =
    "import { VeltAuthClient, type VeltToken } from 'velt-auth'\nimport { startEmulator } from 'velt-auth/emulator'"
  await writeFile(join(installed, 'typed.mts'), imports + typed)
  const tsc = join(CHECKOUT, 'node_modules', 'typescript', 'bin', 'tsc')
  const types = ['--types', 'node', '--typeRoots', join(CHECKOUT, 'node_modules', '@types')]
  const options = ['--strict', '--module', 'nodenext', '--target', 'es2022', ...types]
  await release.node(installed, tsc, ...options, 'typed.mts')
  assert.equal(await release.node(installed, 'typed.mjs'), 'ada\n')
})

test('every handler throws the VeltAuthError of the main entry point', async () => {
  const source = `
    const { VeltAuthError } = require('velt-auth')
    for (const entry of ['express', 'fastify', 'fetch', 'koa', 'node']) {
      for (const [name, make] of Object.entries(require('velt-auth/' + entry))) {
        try {
          make({})
        } catch (error) {
          const isVeltAuthError = error instanceof VeltAuthError && error.constructor.name === 'VeltAuthError'
          console.log(entry, name, isVeltAuthError, error.code)
        }
      }
    }
  `
  const expected = ['express', 'fastify', 'fetch', 'koa', 'node'].flatMap((entry) =>
    ['veltPermissionHandler', 'veltTokenHandler'].map(
      (name) => `${entry} ${name} true ERR_VELT_CONFIG\n`,
    ),
  )
  assert.equal(await release.node(installed, '--eval', source), expected.join(''))
})

test('the command line finds the addon, and fetches a token', async () => {
  // PATH is empty here, so `npx` would not be found.
  const bin = 'node_modules/.bin/velt-auth'
  const withEmulator = (...args) =>
    release.node(installed, bin, 'exec', '--', process.execPath, bin, ...args)
  const token = await withEmulator('token', '--user-id', 'ada')
  assert.equal(token.trim().split('.').length, 3)
  const doctor = JSON.parse(await withEmulator('doctor', '--json'))
  assert.ok(doctor.ok, JSON.stringify(doctor))
})

test('the permission handler answers the emulator', async () => {
  const source = `
    const { createServer } = require('node:http')
    const { startEmulator } = require('velt-auth/emulator')
    const { veltPermissionHandler } = require('velt-auth/node')
    const token = 'bearer'
    const server = createServer(veltPermissionHandler({ token, authorize: () => true }))
    server.listen(0, '127.0.0.1', async () => {
      const emulator = await startEmulator()
      const resource = { id: 'd', type: 'document', source: 'setDocuments', organizationId: 'o' }
      const url = 'http://127.0.0.1:' + server.address().port
      const [result] = await emulator.askPermission(url, [{ userId: 'ada', resource }], { token })
      console.log(result.hasAccess)
      server.close()
      await emulator.close()
    })
  `
  assert.equal(await release.node(installed, '--eval', source), 'true\n')
})

test('npm ci --omit=optional: the error message names the option', async () => {
  const folder = await release.project('omitted')
  await release.npm(folder, 'install', 'velt-auth')
  await release.npm(folder, 'ci', '--omit=optional')
  assert.match(
    await loadErrorIn(folder),
    /^velt-auth \S+ cannot load velt-auth-\S+: it is not installed\. npm does not install it with --omit=optional/,
  )
})

test('the platform package is removed: the error message names it, and says what to do', async () => {
  const name = await platformPackage(installed)
  const folder = await release.project('removed')
  await cp(join(installed, 'node_modules'), join(folder, 'node_modules'), { recursive: true })
  await rm(join(folder, 'node_modules', name), { recursive: true })
  assert.match(
    await loadErrorIn(folder),
    new RegExp(`cannot load ${name}: it is not installed.+npm install`),
  )
})

test('the package was installed without Rust', async () => {
  const source = "console.log(require('node:child_process').spawnSync('cargo').error.code)"
  assert.equal(await release.node(installed, '--eval', source), 'ENOENT\n')
  assert.ok(!existsSync(join(installed, 'node_modules', 'velt-auth', 'Cargo.toml')))
})
