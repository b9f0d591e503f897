/** A request that is refused: the HTTP status, and one sentence that says why. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** The response's body. */
  toJSON() {
    return { data: null, error: this.message };
  }

  static noImage = () => new Failure(400, 'The form has no file field "image".');
  static empty = () => new Failure(400, 'The request carries no image: it is empty.');
  static brokenForm = () => new Failure(400, 'The multipart body cannot be read.');
  static brokenBody = () => new Failure(400, 'The request body cannot be read.');
  static notFound = () => new Failure(404, 'There is nothing at this path.');
  static methodNotAllowed = () => new Failure(405, 'This method is not allowed here.');
  static tooLarge = () => new Failure(413, 'The request body is too large.');
  static unsupported = () =>
    new Failure(415, 'Send multipart/form-data, image/jpeg, image/png or application/octet-stream.');
  static undecodable = () => new Failure(422, 'The image cannot be decoded as JPEG or PNG.');
  static tooManyPixels = () => new Failure(422, 'The image is wider or higher than 4096 pixels.');
}

/** What a client is told of any error. The server's own faults go to the log. */
export function failureOf(error) {
  if (error instanceof Failure) return error;
  if (['AbortError', 'BadResource'].includes(error.name) || error.code === 'ECONNRESET') return Failure.brokenBody(); // the sender has gone
  const status = error.status ?? error.statusCode;
  if (status === 413) return Failure.tooLarge();
  if (status === 415) return Failure.unsupported();
  if (status >= 400 && status < 500) return new Failure(status, `The request is not acceptable: ${error.message}.`);
  console.error(error);
  return new Failure(500, 'The server failed to answer.');
}
