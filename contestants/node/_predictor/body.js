import { Failure } from './failure.js';

const RAW_TYPES = new Set(['image/jpeg', 'image/png', 'application/octet-stream']);

/** 'form' or 'raw', by the Content-Type header; any other is a Failure. */
export function bodyKind(contentType = '') {
  const type = contentType.split(';', 1)[0].trim().toLowerCase();
  if (type === 'multipart/form-data') return 'form';
  if (RAW_TYPES.has(type)) return 'raw';
  throw Failure.unsupported();
}

/** Throws a Failure if the Content-Length header already says too much. */
export function declaredSizeFits(headers, limitBytes) {
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw Failure.tooLarge();
}

/**
 * Pipes a request into a form parser, which fails once the whole body is larger
 * than limitBytes. (The parsers' own limits are per file or per field, and a
 * chunked body says its size only at its end.)
 */
export function limitBody(limitBytes) {
  return (request, parser) => {
    let bytes = 0;
    request.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes > limitBytes) parser.destroy(Failure.tooLarge());
    });
    request.pipe(parser);
  };
}
