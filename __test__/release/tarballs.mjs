// The contents of the packages, as they would be published.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { manifest, PLATFORMS, STAGE } from '../../scripts/release/platforms.mjs'
import { OLDEST_GLIBC } from '../../scripts/release/toolchain.mjs'

const { version } = manifest
const read = (...path) => JSON.parse(readFileSync(join(STAGE, ...path), 'utf8'))
const tarball = (name) => join(STAGE, `${name}-${version}.tgz`)
const built = PLATFORMS.filter(({ packageName }) => existsSync(tarball(packageName)))
const list = (name) =>
  execFileSync('tar', ['-tzf', tarball(name)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((path) => path.replace('package/', ''))
    .sort()

const lock = readFileSync(join(STAGE, '..', 'Cargo.lock'), 'utf8')
/** The version of each crate. */
const locked = new Map(
  [...lock.matchAll(/^name = "(.+)"\r?\nversion = "(.+)"$/gm)].map(([, crate, number]) => [
    crate,
    number,
  ]),
)

test('the main package contains its JavaScript and types, and nothing else', () => {
  const files = list('velt-auth').filter((path) => !/^lib\/.+\.(mjs|d\.m?ts)$/.test(path))
  const handler = ['fastify', 'fetch', 'handlers', 'koa', 'node'].map((name) => `handler/${name}`)
  const others = ['emulator/emulator', 'emulator/index', 'otel/index', 'otel/instrumentation']
  const names = ['client', 'cli/main', 'no-addons', 'server-only', ...handler, ...others]
  const code = names.map((name) => `lib/${name}.js`)
  const root = ['LICENSE', 'README.md', 'index.d.ts', 'index.js', 'package.json']
  assert.deepEqual(files, [...root, ...code].sort())
  assert.ok(
    !list('velt-auth').includes('lib/addon.d.ts'),
    'lib/addon.d.ts is only for the checkout',
  )
})

test('the main package is smaller than 80 kB', () => {
  const { size } = statSync(tarball('velt-auth'))
  assert.ok(size < 80_000, `${size} bytes`)
})

test('the readable bundles have the names of the sources, and no comments', () => {
  const bundles = ['client', 'emulator/emulator', 'handler/handlers', 'otel/instrumentation']
  for (const name of bundles) {
    const code = readFileSync(join(STAGE, 'velt-auth/lib', `${name}.js`), 'utf8')
    // A name of two underscores is a helper of esbuild.
    assert.doesNotMatch(code, /\b(?:function|class) (?:_(?!_)\w+|\w*[a-z]2)\b/, name)
    assert.doesNotMatch(code, /^ *(?:\/\*\*|\/\/)/m, name)
  }
})

test('the main package depends only on the platform packages, in its own version', () => {
  const { dependencies, optionalDependencies, scripts } = read('velt-auth', 'package.json')
  assert.deepEqual([dependencies, scripts], [undefined, undefined])
  const names = PLATFORMS.map(({ packageName }) => [packageName, version])
  assert.deepEqual(optionalDependencies, Object.fromEntries(names))
  assert.equal(names.length, 8)
})

test('the SBOM of the main package lists the platform packages, with their hashes', () => {
  const { metadata, components } = read(`velt-auth-${version}.cdx.json`)
  assert.deepEqual([metadata.component.name, metadata.component.version], ['velt-auth', version])
  const names = PLATFORMS.map(({ packageName }) => [packageName, version]).sort()
  assert.deepEqual(components.map((one) => [one.name, one.version]).sort(), names)
  for (const { name, hashes } of components) {
    if (!existsSync(tarball(name))) continue
    const hash = createHash('sha512')
      .update(readFileSync(tarball(name)))
      .digest('hex')
    assert.deepEqual(hashes, [{ alg: 'SHA-512', content: hash }])
  }
})

test('Cargo.toml has the same version', () => {
  const cargo = readFileSync(join(STAGE, '..', 'Cargo.toml'), 'utf8')
  assert.equal(/^version = "(.+)"$/m.exec(cargo)[1], version)
})

test('at least one platform package is built', () => assert.ok(built.length > 0))

for (const { name, packageName, file, addon, libc } of built) {
  test(`${name}: one addon under 5 MB, and its licences`, () => {
    const files = ['LICENSE', 'README.md', 'THIRD-PARTY-NOTICES.txt', 'package.json', file].sort()
    assert.deepEqual(list(packageName), files)
    assert.ok(statSync(addon).size < 5_000_000, `${statSync(addon).size} bytes`)
    const { dependencies, scripts } = read(name, 'package.json')
    assert.deepEqual([dependencies, scripts], [undefined, undefined])
  })

  test(`${name}: its notices name the crates that every addon contains`, () => {
    const notices = readFileSync(join(STAGE, name, 'THIRD-PARTY-NOTICES.txt'), 'utf8')
    for (const crate of ['napi', 'reqwest', 'ring', 'rustls', 'tokio', 'webpki-roots']) {
      assert.match(notices, new RegExp(`^${crate} \\d`, 'm'))
    }
  })

  test(`${name}: its SBOM lists the crates of Cargo.lock that are in the addon, and no others`, () => {
    const file = `${packageName}-${version}.cdx.json`
    const { components } = read(file)
    const versions = new Map(components.map((one) => [one.name, one.version]))
    for (const crate of ['napi', 'reqwest', 'ring', 'rustls', 'tokio', 'webpki-roots']) {
      assert.equal(versions.get(crate), locked.get(crate), crate)
    }
    for (const crate of ['shuttle', 'napi-build', 'cc'])
      assert.equal(versions.get(crate), undefined)
    assert.ok(!readFileSync(join(STAGE, file), 'utf8').includes(join(STAGE, '..')))
  })

  test(`${name}: the addon contains no path of the machine that built it`, () => {
    const home = process.env.HOME ?? process.env.USERPROFILE
    assert.ok(!readFileSync(addon).includes(join(home, '.cargo')))
    assert.ok(!readFileSync(addon).includes(join(STAGE, '..', 'src')))
  })

  if (libc === 'glibc') {
    test(`${name}: needs no symbol newer than glibc ${OLDEST_GLIBC}`, () => {
      const versions = readFileSync(addon, 'latin1').match(/(?<=\bGLIBC_)\d+\.\d+/g)
      const newest = Math.max(...versions.map((version) => Number(version.split('.')[1])))
      assert.ok(versions.every((version) => version.startsWith('2.')))
      assert.ok(newest <= Number(OLDEST_GLIBC.split('.')[1]), `GLIBC_2.${newest}`)
    })
  }
}
