package org.espalier.server.http;

import io.helidon.common.socket.SocketWriterException;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.RequestException;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** One request and its answer. */
public final class Exchange {
  private static final String JSON_TYPE = "application/json";

  private final ServerRequest request;
  private final ServerResponse response;
  private final Connection connection;
  private final int largestBody;
  private boolean bodyRead;
  private boolean started;
  private int status;

  Exchange(ServerRequest request, ServerResponse response, Connection connection, int largestBody) {
    this.request = request;
    this.response = response;
    this.connection = connection;
    this.largestBody = largestBody;
  }

  /** The body, which must be a JSON object. The client is watched from then on. */
  public ObjectNode readJson() {
    return Json.readObject(readBody());
  }

  private byte[] readBody() {
    connection.begin(Connection.Doing.READING);
    try (InputStream in = request.content().inputStream()) {
      byte[] body = in.readNBytes(largestBody + 1);
      bodyRead = body.length <= largestBody;
      if (body.length > largestBody) {
        throw tooLarge();
      }
      return body;
    } catch (IOException | UncheckedIOException | CloseConnectionException e) {
      throw new ClientGone(e);
    } catch (RequestException e) {
      response.header(HeaderValues.CONNECTION_CLOSE);
      throw e.status().code() == 413
          ? tooLarge()
          : HttpFailure.of(e.status().code(), "the body could not be read: " + e.getMessage());
    } catch (IllegalArgumentException e) {
      response.header(HeaderValues.CONNECTION_CLOSE); // who knows what follows
      throw HttpFailure.badRequest("the body's chunks are malformed: " + e.getMessage());
    } finally {
      connection.begin(Connection.Doing.WORKING);
    }
  }

  private HttpFailure tooLarge() {
    return HttpFailure.tooLarge(largestBody);
  }

  /** Notices from now on when the client goes away. The body must have been read. */
  public void watch() {
    connection.watch();
  }

  /** Leaves by an exception when the client was seen to have gone away. */
  public void requireClient() {
    if (connection.isGone()) {
      throw new ClientGone();
    }
  }

  /** A parameter of the path. */
  public String pathParameter(String name) {
    return request.path().pathParameters().get(name);
  }

  /** Answers with JSON. */
  public void send(JsonNode body) {
    send(200, body);
  }

  /** Answers with JSON and any status. */
  public void send(int code, JsonNode body) {
    send(code, JSON_TYPE, Json.write(body), Map.of());
  }

  /** Answers with anything. */
  public void send(int code, String type, byte[] body, Map<String, String> headers) {
    begin(code, type);
    headers.forEach(response::header);
    connection.begin(Connection.Doing.WRITING);
    try {
      response.send(body);
    } catch (UncheckedIOException | CloseConnectionException | SocketWriterException e) {
      throw new ClientGone(e);
    } finally {
      connection.begin(Connection.Doing.WORKING);
    }
  }

  /** Answers with an error. */
  void send(HttpFailure failure) {
    failure
        .retryAfterSeconds()
        .ifPresent(seconds -> response.header(HeaderNames.RETRY_AFTER, Integer.toString(seconds)));
    if (failure.status() == 401) {
      response.header(HeaderNames.WWW_AUTHENTICATE, "Bearer");
    }
    if (failure.status() == 413) {
      response.header(HeaderValues.CONNECTION_CLOSE); // the rest of the body is not read
    }
    send(failure.status(), Json.error(failure));
  }

  /** Begins an answer of server-sent events. */
  public EventStream stream() {
    response.header(HeaderNames.CACHE_CONTROL, "no-store");
    response.header("X-Accel-Buffering", "no");
    begin(200, "text/event-stream");
    return new EventStream(response.outputStream(), connection);
  }

  private void begin(int code, String type) {
    started = true;
    status = code;
    response.status(Status.create(code));
    response.header(HeaderNames.CONTENT_TYPE, type);
  }

  /** Whether the status is on its way and cannot be changed. */
  boolean hasStarted() {
    return started;
  }

  /** Whether the connection is not to be used again. */
  boolean endsConnection() {
    return request.headers().containsToken(HeaderValues.CONNECTION_CLOSE)
        || response.headers().containsToken(HeaderValues.CONNECTION_CLOSE);
  }

  /** Whether there may be a rest of the request that nobody has read. */
  boolean hasUnreadBody() {
    return !bodyRead && request.content().hasEntity();
  }

  int status() {
    return status;
  }
}
