package org.espalier.server.http;

import io.helidon.common.socket.SocketWriterException;
import io.helidon.webserver.CloseConnectionException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import tools.jackson.databind.JsonNode;

/** An answer in pieces, each of which leaves at once: server-sent events, as OpenAI uses them. */
public final class EventStream implements AutoCloseable {
  private static final byte[] DATA = "data: ".getBytes(StandardCharsets.UTF_8);
  private static final byte[] END = "\n\n".getBytes(StandardCharsets.UTF_8);
  private static final byte[] DONE = "data: [DONE]\n\n".getBytes(StandardCharsets.UTF_8);
  private static final byte[] SIGN_OF_LIFE = ": \n\n".getBytes(StandardCharsets.UTF_8);

  private final OutputStream out;
  private final Connection connection;

  EventStream(OutputStream out, Connection connection) {
    this.out = out;
    this.connection = connection;
  }

  /** Sends one event. */
  public void send(JsonNode event) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(DATA);
    bytes.writeBytes(Json.write(event));
    bytes.writeBytes(END);
    write(bytes.toByteArray());
  }

  /** Sends a comment, which says nothing but that the answer is still being worked on. */
  public void sendSignOfLife() {
    write(SIGN_OF_LIFE);
  }

  /** Says that this was all. */
  public void sendDone() {
    write(DONE);
  }

  private void write(byte[] bytes) {
    connection.begin(Connection.Doing.WRITING);
    try {
      out.write(bytes);
      out.flush();
    } catch (IOException
        | UncheckedIOException
        | CloseConnectionException
        | SocketWriterException e) {
      throw new ClientGone(e);
    } finally {
      connection.begin(Connection.Doing.WORKING);
    }
  }

  /** Ends the answer in an orderly way. */
  @Override
  public void close() {
    connection.begin(Connection.Doing.WRITING);
    try {
      out.close();
    } catch (IOException
        | UncheckedIOException
        | CloseConnectionException
        | SocketWriterException e) {
      throw new ClientGone(e);
    } finally {
      connection.begin(Connection.Doing.WORKING);
    }
  }
}
