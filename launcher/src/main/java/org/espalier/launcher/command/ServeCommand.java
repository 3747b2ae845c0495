package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.option.AcceptedFlags;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.launcher.option.ServerFlags;
import org.espalier.runtime.Model;
import org.espalier.server.Server;
import org.espalier.server.ServerOptions;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Serves a model over HTTP. */
@Command(
    name = "serve",
    aliases = "server",
    header = "Serves a model over HTTP, and a page to look at it.",
    description = {
      "",
      "Clients of OpenAI's interface work as they are (base URL: http://HOST:PORT/v1). The page at /"
          + " shows text as it comes, how likely each token was, and which experts it used. Ctrl-C"
          + " lets texts that have begun come to their end."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nGeneral:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier serve -m model.gguf",
      "  espalier serve -m model.gguf --port 9000 --parallel 16 -c 2048",
      "  espalier serve -m model.gguf --host 0.0.0.0 --api-key-file key.txt"
    })
final class ServeCommand implements Callable<Integer> {
  /**
   * Greets at every start and warns of every malformed request; a field, because loggers are
   * forgotten otherwise.
   */
  private static final Logger HTTP_STACK = Logger.getLogger("io.helidon");

  /** For closing sockets and memory after the last text. */
  private static final Duration CLOSING = Duration.ofSeconds(10);

  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

  @ArgGroup(validate = false, order = 1, heading = "%nServer:%n")
  private ServerFlags flags = new ServerFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 3, heading = "%nComputation:%n")
  private BackendFlags backend = new BackendFlags();

  @ArgGroup(validate = false, order = 4, heading = "%nAccepted for llama.cpp's sake:%n")
  private AcceptedFlags accepted = new AcceptedFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Inject
  ServeCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    HTTP_STACK.setLevel(Level.SEVERE);
    ServerOptions options = flags.options();
    accepted.mention(console);
    try (Server server = Server.start(options)) {
      warn(options);
      Duration patience = flags.grace().plus(CLOSING);
      try (Model opened = opening.model(model, backend, server.observer(), positions(options));
          Interruption.Work _ = interruption.begin(this::stillBusy, patience)) {
        server.serve(opened);
        introduce(server, opened);
        interruption.await();
        console.note("stopping: texts that have begun come to their end");
        boolean done = server.stop(flags.grace()); // before the model, which it uses, is closed
        console.note(done ? "stopped" : "stopped; some texts took too long and were cut off");
      }
    }
    return ExitCode.INTERRUPTED;
  }

  /** Of all texts that are worked on at a time, for backends that divide memory beforehand. */
  private static int positions(ServerOptions options) {
    long each = (long) options.contextLength() * options.parallel();
    return (int) Math.min(Integer.MAX_VALUE, options.positions().orElse(each));
  }

  private void introduce(Server server, Model opened) {
    console.say(
        "%s (%s), %s: %s"
            .formatted(
                opened.artifact().path().getFileName(),
                opened.artifact().format(),
                opened.backend(),
                opened.device()));
    console.say("serving at " + url(server.address()) + " (Ctrl-C ends)");
  }

  private static String url(InetSocketAddress address) {
    String host = address.getAddress().getHostAddress();
    return "http://%s:%d/"
        .formatted(host.contains(":") ? "[" + host + "]" : host, address.getPort());
  }

  private void warn(ServerOptions options) {
    if (!options.isLoopback() && options.apiKey().isEmpty()) {
      List.of(
              "WARNING: this server can be reached from other machines, and there is no key.",
              "WARNING: everyone who reaches it can use it. Give --api-key-file, or leave out --host.")
          .forEach(console::say);
    }
  }

  private void stillBusy() {
    console.note("the server did not come to an end in time");
  }
}
