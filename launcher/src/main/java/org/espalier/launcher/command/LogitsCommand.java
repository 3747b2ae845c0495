package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.Activations;
import org.espalier.api.backend.Rows;
import org.espalier.api.backend.Session;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.option.BackendFlags;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.ModelFlags;
import org.espalier.runtime.Model;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Writes the logits of given tokens to a file. */
@Command(
    name = "logits",
    header = "Writes the logits of given tokens to a file, for verification.",
    description = {
      "",
      "The file holds little-endian float32, [positions x vocabulary]. With -b 1 the tokens go in"
          + " one at a time, else as one prompt."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nInput and output:%n",
    footerHeading = "%nExample:%n",
    footer = {
      "  espalier logits -m model.gguf --tokens 1,2,3 --out logits.f32 --precision exact -b 1"
    })
final class LogitsCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ModelOpening opening;

  @ArgGroup(validate = false, order = 1, heading = "%nModel:%n")
  private ModelFlags model = new ModelFlags();

  @ArgGroup(validate = false, order = 2, heading = "%nComputation:%n")
  private BackendFlags backend = new BackendFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  @Option(
      names = "--tokens",
      required = true,
      split = ",",
      paramLabel = "ID",
      description = "The tokens, separated by commas.")
  private int[] tokens = {};

  @Option(
      names = {"-o", "--out"},
      required = true,
      paramLabel = "FILE",
      description = "Where they go. A file of this name is replaced when all are there.")
  private Path out = Path.of("");

  @Inject
  LogitsCommand(Console console, Interruption interruption, ModelOpening opening) {
    this.console = console;
    this.interruption = interruption;
    this.opening = opening;
  }

  @Override
  public Integer call() throws IOException {
    checkTarget();
    try (Model opened = opening.modelForContext(model, backend, tokens.length)) {
      int vocabulary = opened.plan().vocabulary();
      int most = opened.plan().contextLength();
      for (int token : tokens) {
        if (token < 0 || token >= vocabulary) {
          throw new InvalidRequest(
              "--tokens: there is no token %d; the last one is %d"
                  .formatted(token, vocabulary - 1));
        }
      }
      if (tokens.length > most) {
        throw new InvalidRequest(
            "--tokens: %d are more than the context of %d".formatted(tokens.length, most));
      }
      try (Session session = opened.newSession(tokens.length);
          Interruption.Work _ = interruption.begin(() -> {})) {
        write(session, vocabulary, opened.batch());
      }
      console.note("%s holds %d x %d float32".formatted(out, tokens.length, vocabulary));
    }
    return ExitCode.OK;
  }

  /** A wrong name should fail before a large model is loaded for it. */
  private void checkTarget() {
    Path folder = out.toAbsolutePath().getParent();
    if (Files.isDirectory(out)) {
      throw new InvalidRequest("--out: " + out + " is a folder");
    }
    if (folder == null || !Files.isDirectory(folder)) {
      throw new InvalidRequest("--out: there is no folder " + folder);
    }
  }

  private void write(Session session, int vocabulary, int batch) throws IOException {
    String name = out.getFileName() + "." + ProcessHandle.current().pid() + ".part";
    Path unfinished = out.resolveSibling(name);
    try {
      try (FileChannel channel =
          FileChannel.open(unfinished, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        for (int from = 0; from < tokens.length; from += batch) {
          interruption.check();
          int[] part = Arrays.copyOfRange(tokens, from, Math.min(from + batch, tokens.length));
          append(channel, session.forward(new Activations.Tokens(part), part.length), vocabulary);
        }
      }
      Files.move(unfinished, out, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }

  private static void append(FileChannel channel, Rows rows, int vocabulary) throws IOException {
    float[] row = new float[vocabulary];
    ByteBuffer bytes = ByteBuffer.allocate(vocabulary * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < rows.count(); i++) {
      rows.read(i, row, 0);
      bytes.clear().asFloatBuffer().put(row);
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
  }
}
