// NestJS with the token endpoint. The decorators are called as functions, because Node does not run
// decorator syntax.

import 'reflect-metadata'
import { All, Controller, Module, Req, Res } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import * as forExpress from 'velt-auth/express'
import * as forFastify from 'velt-auth/fastify'

/** A controller whose only route is the endpoint. */
function controllerOf(path, options) {
  const handle = forExpress.veltTokenHandler(options)
  class TokenController {
    token(req, res) {
      return handle(req, res)
    }
  }
  Controller(path)(TokenController)
  const { prototype } = TokenController
  All()(prototype, 'token', Object.getOwnPropertyDescriptor(prototype, 'token'))
  Req()(prototype, 'token', 0)
  Res()(prototype, 'token', 1)
  return TokenController
}

function moduleOf(controllers) {
  class AppModule {}
  Module({ controllers })(AppModule)
  return AppModule
}

const QUIET = { logger: false }

/** The endpoint in a controller of NestJS on Express. */
export async function nestExpress(path, options, vary, appCors) {
  const module = moduleOf([controllerOf(path, options)])
  const app = await NestFactory.create(module, new ExpressAdapter(), QUIET)
  if (appCors) {
    app.use((_req, res, next) => next(res.vary(vary) && undefined))
    app.enableCors(appCors)
  }
  await app.init()
  return app.getHttpAdapter().getInstance()
}

/** The endpoint as a Fastify plugin of NestJS. */
export async function nestFastify(path, options, vary, appCors) {
  const app = await NestFactory.create(moduleOf([]), new FastifyAdapter(), QUIET)
  const instance = app.getHttpAdapter().getInstance()
  if (appCors) {
    instance.addHook('onRequest', async (_request, reply) => void reply.header('vary', vary))
    app.enableCors(appCors)
  }
  await app.register(forFastify.veltTokenHandler(options), { prefix: path })
  await app.init()
  await instance.ready()
  return instance.routing
}
