// `npm run package`: makes the tarballs of a release in npm/, from the addons that `build:release` put
// there. All packages are made in one run, so that their versions agree.

import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { notices } from './notices.mjs'
import { CHECKOUT, manifest, PLATFORMS, STAGE } from './platforms.mjs'
import { run } from './run.mjs'

const { name, version, license, engines } = manifest

/** The fields of every package. */
const COMMON = { version, license, engines, repository: repository() }

/** Fields that only the checkout needs; `private` keeps npm from publishing the checkout. */
const CHECKOUT_ONLY = ['private', 'devDependencies', 'overrides', 'scripts', 'napi']

/**
 * npm compares `repository` with the workflow that publishes: a fork, or a repository that was
 * renamed, publishes under its own address.
 */
function repository() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: path } = process.env
  return path ? { type: 'git', url: `git+${server}/${path}.git` } : manifest.repository
}

/**
 * A platform package: its addon and the licences of its crates. Without the addon, only package.json
 * is written: the tests need it to describe a platform that is not built here.
 */
function packPlatform({ triple, name: platform, os, cpu, libc, packageName, folder, file, addon }) {
  write(folder, 'package.json', {
    name: packageName,
    description: `The addon of ${name} for ${platform}`,
    ...COMMON,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    main: file,
    files: [file, 'THIRD-PARTY-NOTICES.txt'],
  })
  if (!existsSync(addon)) {
    console.log(`${packageName}: not packed, because its addon is not built`)
    return
  }
  write(folder, 'README.md', `The addon of ${name} for ${platform}: install \`${name}\`.\n`)
  write(folder, 'THIRD-PARTY-NOTICES.txt', notices(triple))
  copyFileSync(join(CHECKOUT, 'LICENSE'), join(folder, 'LICENSE'))
  pack(folder)
}

/** The package velt-auth: the JavaScript. It names all platform packages of its own version. */
async function packMain() {
  const folder = join(STAGE, name)
  rmSync(folder, { recursive: true, force: true })
  const listing = run('npm', ['pack', '--dry-run', '--json'], { cwd: CHECKOUT, stdio: 'pipe' })
  const bundled = await bundle(folder)
  for (const { path } of onlyPackage(listing).files) {
    // These types of the addon are for the checkout, where they check the JavaScript.
    if (path === 'lib/addon.d.ts' || bundled.includes(path)) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    copyFileSync(join(CHECKOUT, path), join(folder, path))
  }
  const published = Object.entries(manifest).filter(([field]) => !CHECKOUT_ONLY.includes(field))
  const optionalDependencies = Object.fromEntries(
    PLATFORMS.map(({ packageName }) => [packageName, version]),
  )
  write(folder, 'package.json', {
    ...Object.fromEntries(published),
    ...COMMON,
    optionalDependencies,
  })
  pack(folder)
}

/**
 * Bundles the modules behind the entry points, because finding and reading many small files is a third
 * of the load time. The command line is also minified: 27 kB of the tarball become 18 kB.
 *
 * @returns {Promise<string[]>} the source files that the bundles contain
 */
async function bundle(folder) {
  const handlers = ['lib/handler/permission-handler.js', 'lib/handler/token-handler.js']
  const bundles = [
    { entryPoints: ['lib/client.js', ...handlers], keepNames: true },
    {
      entryPoints: ['lib/cli/main.js'],
      external: ['./lib/client.js', './lib/emulator/*'],
      minify: true,
    },
  ]
  const inputs = await Promise.all(bundles.map((options) => bundleFiles(folder, options)))
  return inputs.flat()
}

/** Runs esbuild. The version is compiled in. @returns {Promise<string[]>} the source files */
async function bundleFiles(folder, { external = [], ...options }) {
  const json = { contents: JSON.stringify({ version }), loader: 'json' }
  const { metafile } = await build({
    absWorkingDir: CHECKOUT,
    outbase: '.',
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: `node${engines.node.match(/\d+/)}`,
    external: ['velt-auth-*', ...external],
    plugins: [
      { name: 'version', setup: ({ onLoad }) => onLoad({ filter: /package\.json$/ }, () => json) },
    ],
    metafile: true,
    ...options,
  })
  return Object.keys(metafile.inputs)
}

function write(folder, file, content) {
  mkdirSync(folder, { recursive: true })
  const text = typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`
  writeFileSync(join(folder, file), text)
}

function pack(folder) {
  const args = ['pack', folder, '--json', '--pack-destination', STAGE]
  const listed = onlyPackage(run('npm', args, { stdio: 'pipe' }))
  console.log(`${listed.filename}: ${listed.size} bytes, ${listed.unpackedSize} unpacked`)
  for (const { path, size } of listed.files) console.log(`  ${path} ${size}`)
}

/** npm prints an array of packages; from version 12 on, an object with their names as keys. */
function onlyPackage(listing) {
  return Object.values(JSON.parse(listing))[0]
}

for (const tarball of readdirSync(STAGE).filter((file) => file.endsWith('.tgz'))) {
  rmSync(join(STAGE, tarball))
}
PLATFORMS.forEach(packPlatform)
await packMain()
