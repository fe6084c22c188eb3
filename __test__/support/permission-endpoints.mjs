// The endpoint of the permission provider mounted in each framework, as a request listener for
// `node:http`: in apps without and with body parsers.

import { getRequestListener } from '@hono/node-server'
import { bodyParser } from '@koa/bodyparser'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import * as forExpress from 'velt-auth/express'
import * as forFastify from 'velt-auth/fastify'
import * as forFetch from 'velt-auth/fetch'
import * as forKoa from 'velt-auth/koa'
import * as forNode from 'velt-auth/node'

export const PATH = '/api/velt/permissions'

/** The limit of the body parsers. Their defaults are too small for 1,000 queries. */
const limit = '1mb'

/**
 * `listener` makes a request listener from the handler's options. With `parses`, a body parser of the
 * app reads the body, and rejects malformed and large bodies itself.
 */
export const ENDPOINTS = {
  'Express 5': { listener: inExpress(express) },
  'Express 5 with express.json()': {
    listener: inExpress(express, express.json({ limit })),
    parses: true,
  },
  'Express 5 with express.raw()': {
    listener: inExpress(express, express.raw({ limit, type: '*/*' })),
  },
  'Express 5 with express.text()': {
    listener: inExpress(express, express.text({ limit, type: '*/*' })),
  },
  'Express 4 with express.json()': {
    listener: inExpress(express4, express4.json({ limit })),
    parses: true,
  },
  // This parser sets an empty object for a body that it has not read.
  'Express 4 with express.urlencoded()': {
    listener: inExpress(express4, express4.urlencoded({ extended: false })),
  },
  'Fastify 5': { listener: inFastify },
  'Koa 3': { listener: inKoa() },
  'Koa 3 with @koa/bodyparser': {
    listener: inKoa(bodyParser({ jsonLimit: limit })),
    parses: true,
  },
  'Hono 4': { listener: inHono },
  'node:http': { listener: inNode },
}

function inExpress(framework, parser) {
  return (options) => {
    const app = framework()
    if (parser) app.use(parser)
    app.all(PATH, forExpress.veltPermissionHandler(options))
    // Without it, Express prints the errors of its parsers.
    app.use((error, _req, res, _next) => res.sendStatus(error.status ?? 500))
    return app
  }
}

async function inFastify(options) {
  const app = fastify()
  app.register(forFastify.veltPermissionHandler(options), { prefix: PATH })
  await app.ready()
  return app.routing
}

function inKoa(parser) {
  return (options) => {
    const app = new Koa()
    app.silent = true // the errors of the parser
    const handle = forKoa.veltPermissionHandler(options)
    if (parser) app.use(parser)
    app.use((ctx, next) => (ctx.path === PATH ? handle(ctx) : next()))
    return app.callback()
  }
}

function inHono(options) {
  const app = new Hono()
  const handle = forFetch.veltPermissionHandler(options)
  app.all(PATH, (c) => handle(c.req.raw))
  return getRequestListener(app.fetch)
}

function inNode(options) {
  const handle = forNode.veltPermissionHandler(options)
  return (req, res) =>
    req.url.split('?')[0] === PATH ? handle(req, res) : res.writeHead(404).end()
}
