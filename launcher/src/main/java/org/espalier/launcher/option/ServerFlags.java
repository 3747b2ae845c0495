package org.espalier.launcher.option;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.server.ServerOptions;
import picocli.CommandLine.Option;

/** Where to listen, who may come in, and how much is taken on. */
public final class ServerFlags {
  private static final int MEBIBYTE = 1 << 20;
  private static final int HIGHEST_PORT = 65_535;

  @Option(
      names = "--host",
      paramLabel = "HOST",
      description =
          "Address to listen on. Default: ${DEFAULT-VALUE}, which only this machine can reach.")
  private String host = "127.0.0.1";

  @Option(
      names = "--port",
      paramLabel = "N",
      description = "Port to listen on; 0: any that is free. Default: ${DEFAULT-VALUE}.")
  private int port = 8080;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description = "Key that clients must give (Authorization: Bearer KEY). Default: none.")
  private Optional<String> key = Optional.empty();

  @Option(
      names = "--api-key-file",
      paramLabel = "FILE",
      description =
          "Reads the key from the first line of a file, where lists of processes do not show it.")
  private Optional<Path> keyFile = Optional.empty();

  @Option(
      names = {"-a", "--alias"},
      paramLabel = "NAME",
      description = "Name of the model for clients. Default: that of its file.")
  private Optional<String> alias = Optional.empty();

  @Option(
      names = "--chat-template",
      paramLabel = "NAME",
      description =
          "How conversations are written down: tulu. Default: as the model's file says; a base model"
              + " says nothing, and does not chat.")
  private Optional<String> chatTemplate = Optional.empty();

  @Option(
      names = {"-np", "--parallel"},
      paramLabel = "N",
      converter = PositiveConverter.class,
      description = "Texts that are generated at the same time. Default: ${DEFAULT-VALUE}.")
  private int parallel = 8;

  @Option(
      names = "--queue",
      paramLabel = "N",
      converter = PositiveConverter.class,
      description =
          "Requests that may wait; more are sent away with status 429. Default: ${DEFAULT-VALUE}.")
  private int queue = 128;

  @Option(
      names = {"-c", "--ctx-size"},
      paramLabel = "N",
      description =
          "Positions of each text, prompt included; 0: as many as the model was trained for."
              + " Default: ${DEFAULT-VALUE}.")
  private int context = 0;

  @Option(
      names = "--cache-positions",
      paramLabel = "N",
      description =
          "Positions of all texts together, which bounds memory. Default: what fits into half of the"
              + " Java heap.")
  private Optional<Long> positions = Optional.empty();

  @Option(
      names = "--queue-timeout",
      paramLabel = "SECONDS",
      converter = PositiveConverter.class,
      description =
          "How long a request may wait; status 503 after that. Default: ${DEFAULT-VALUE}.")
  private int queueTimeout = 120;

  @Option(
      names = {"-to", "--timeout"},
      paramLabel = "SECONDS",
      converter = PositiveConverter.class,
      description =
          "How long a text may take; it ends with what is there by then. Default: ${DEFAULT-VALUE}.")
  private int timeout = 600;

  @Option(
      names = "--max-body",
      paramLabel = "MIB",
      converter = PositiveConverter.class,
      description = "Largest body of a request, in MiB. Default: ${DEFAULT-VALUE}.")
  private int largestBody = 8;

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      converter = PositiveConverter.class,
      description =
          "How long texts that have begun may go on after Ctrl-C. Default: ${DEFAULT-VALUE}.")
  private int grace = 30;

  /** How to serve. */
  public ServerOptions options() throws IOException {
    if (port < 0 || port > HIGHEST_PORT) {
      throw new InvalidRequest("--port %d: ports go from 0 to %d".formatted(port, HIGHEST_PORT));
    }
    if (largestBody > 1024) {
      throw new InvalidRequest("--max-body %d: 1024 MiB are the most".formatted(largestBody));
    }
    return new ServerOptions(
        new InetSocketAddress(host, port),
        key(),
        alias,
        context,
        parallel,
        queue,
        positions,
        Duration.ofSeconds(queueTimeout),
        Duration.ofSeconds(timeout),
        Math.min(largestBody * MEBIBYTE, Integer.MAX_VALUE - MEBIBYTE),
        chatTemplate);
  }

  private Optional<String> key() throws IOException {
    if (key.isPresent() && keyFile.isPresent()) {
      throw new InvalidRequest("give --api-key or --api-key-file, not both");
    }
    if (keyFile.isEmpty()) {
      return key;
    }
    try (var lines = Files.lines(keyFile.get())) {
      return Optional.of(lines.findFirst().orElse("").strip());
    }
  }

  /** How long texts that have begun may go on when the server is to end. */
  public Duration grace() {
    return Duration.ofSeconds(grace);
  }
}
