// The code samples of the documents and of the types, and the reader's app that they are part of.

import { readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { transform } from 'esbuild'
import { CHECKOUT, run } from './processes.mjs'

/**
 * What a sample may use from the reader's app without declaring it, by the entry point of velt-auth
 * that the sample imports. A sample that imports none of these belongs to an Express app.
 */
const READERS_APPS = {
  express: `
    declare const app: import('express').Express
    declare const requireLogin: import('express').RequestHandler
    declare const client: import('velt-auth').VeltAuthClient
    declare const userOf: (authorization: string | undefined) => Promise<string | undefined>
    declare namespace Express {
      interface User { id: string; orgId: string; email: string }
      interface Request { user?: User }
    }`,
  fastify: `
    import type { FastifyInstance } from 'fastify'
    declare global {
      const app: FastifyInstance
      const client: import('velt-auth').VeltAuthClient
    }
    declare module 'fastify' {
      interface FastifyRequest { user?: { id: string; orgId: string; email: string } }
    }`,
  koa: `
    declare const router: { all(path: string, middleware: import('koa').Middleware): void }
    declare const client: import('velt-auth').VeltAuthClient`,
  // Hono, and a Next.js app, whose routes import `auth` by a relative path.
  fetch: `
    type Variables = { user?: { id: string; orgId: string; email: string } }
    declare const app: import('hono').Hono<{ Variables: Variables }>
    declare const client: import('velt-auth').VeltAuthClient
    declare module '*/auth.js' {
      export function auth(): Promise<{ user: { id: string } } | null>
    }`,
  node: `
    declare const userOf: (cookie: string | undefined) => string | undefined
    declare const site: import('node:http').RequestListener
    declare const client: import('velt-auth').VeltAuthClient`,
  browser: `
    declare const client: import('@veltdev/types').Velt
    declare const user: import('@veltdev/types').User`,
}

/** What a sample in every app may use without declaring it. */
const COMMON = `
  declare const permissions: { allows(userId: string, resourceId: string): Promise<boolean> }`

const STRICT = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  target: 'es2022',
  lib: ['es2024', 'dom', 'dom.iterable'],
  module: 'esnext',
  moduleResolution: 'bundler',
  moduleDetection: 'force',
  jsx: 'react-jsx',
  types: ['node'],
}

const list = (folder) => readdirSync(join(CHECKOUT, folder)).map((name) => join(folder, name))

/** The documents: paths in the checkout. CHANGELOG.md may name scripts that no longer exist. */
export function documents() {
  const files = [...list(''), ...list('docs')]
  return files.filter((file) => file.endsWith('.md') && file !== 'CHANGELOG.md')
}

/** The types that the package exports: paths in the checkout. */
export function typeFiles() {
  const folders = ['lib/handler', 'lib/browser', 'lib/emulator']
  const files = ['index.d.ts', ...folders.flatMap(list)]
  return files.filter((file) => /\.d\.m?ts$/.test(file))
}

/** Every fenced block of `file`; `line` is that of its opening fence. */
export async function readSamples(file) {
  const text = await readFile(join(CHECKOUT, file), 'utf8')
  const isTypes = !file.endsWith('.md')
  const samples = []
  let open
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = isTypes ? raw.replace(/^\s*\* ?/, '') : raw
    const fence = /^\s*(?:`{3,}|~{3,})\s*(\S*)/.exec(line)
    if (!fence) open?.lines.push(line)
    else if (open) open = undefined
    else {
      open = { line: index + 1, language: fence[1], lines: [] }
      samples.push(open)
    }
  }
  if (open) throw new Error(`${file}:${open.line}: the block has no closing fence`)
  return samples.map(({ line, language, lines }) => {
    const code = lines.join('\n')
    const imports = isTypes && !/^import /m.test(code) ? importsFor(file, text) : ''
    return { file, line, language, code, imports }
  })
}

/** A sample in TSDoc need not import the functions that it documents. */
function importsFor(file, types) {
  const names = [...types.matchAll(/^export (?:declare )?(?:class|function) (\w+)/gm)]
  const name = basename(file).split('.')[0]
  const entry = name === 'index' ? dirname(file).split(sep).at(-1) : name
  const module = entry === '.' ? 'velt-auth' : `velt-auth/${entry}`
  return `import { ${names.map(([, name]) => name).join(', ')} } from '${module}'`
}

function appOf({ imports, code }) {
  const entries = Object.keys(READERS_APPS).join('|')
  return new RegExp(`'velt-auth/(${entries})'`).exec(imports + code)?.[1] ?? 'express'
}

/** Gives `use` a folder inside the checkout, where samples find velt-auth and the frameworks. */
async function withFolder(use) {
  await mkdir(join(CHECKOUT, 'target'), { recursive: true })
  const folder = await mkdtemp(join(CHECKOUT, 'target', 'samples-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The errors of strict TypeScript for each sample, with the lines of the document. */
export async function compileSamples(samples) {
  const errors = new Map(samples.map((sample) => [sample, []]))
  for (const [name, declarations] of Object.entries(READERS_APPS)) {
    const inApp = samples.filter((sample) => appOf(sample) === name)
    await withFolder((folder) => compileInApp(folder, declarations, inApp, errors))
  }
  return errors
}

async function compileInApp(folder, declarations, samples, errors) {
  await writeFile(join(folder, 'app.d.ts'), declarations)
  await writeFile(join(folder, 'common.d.ts'), COMMON)
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: STRICT }))
  for (const [index, { language, line, imports, code }] of samples.entries()) {
    const name = `${index}.${language.endsWith('x') ? 'tsx' : 'ts'}`
    // The padding gives each line of a sample the number that it has in the document.
    await writeFile(join(folder, name), imports + '\n'.repeat(line) + code)
  }
  const tsc = ['node_modules/typescript/bin/tsc', '--pretty', 'false', '--project', folder]
  const { stdout } = await run(process.execPath, tsc).catch((failure) => {
    if (failure.stdout.includes('error TS')) return failure
    throw failure
  })
  for (const output of stdout.split('\n').filter((line) => line.includes('error TS'))) {
    const [, index, line, message] = /(\d+)\.tsx?\((\d+),\d+\): (.+)/.exec(output) ?? []
    if (!index) throw new Error(output)
    errors.get(samples[index]).push(`${samples[index].file}:${line}: ${message}`)
  }
}

/**
 * Whether a sample is a complete program: it starts an emulator, and closes it. A program that does
 * not close its emulator runs until it is stopped, and is only compiled.
 */
export function isProgram({ imports, code }) {
  return (imports + code).includes("'velt-auth/emulator'") && code.includes('close()')
}

/** Runs a sample as its reader does, with `node --test` if it is a test. Rejects if it fails. */
export async function runSample({ imports, code }) {
  await withFolder(async (folder) => {
    const { code: source } = await transform(`${imports}\n${code}`, { loader: 'ts' })
    const file = join(folder, 'sample.mjs')
    await writeFile(file, source)
    // In this variable, `node --test` tells its children to report in a binary format.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const flags = code.includes("'node:test'") ? ['--test'] : []
    await run(process.execPath, [...flags, file], { env })
  })
}
