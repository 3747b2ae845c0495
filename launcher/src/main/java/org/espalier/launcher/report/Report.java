package org.espalier.launcher.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.espalier.api.backend.Precision;
import org.espalier.datasets.DataFile;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.NewFile;
import org.espalier.launcher.console.Table;
import org.espalier.launcher.option.ResultFlags;
import org.espalier.runtime.Model;
import tools.jackson.jr.ob.JSON;

/** One result: fields for programs, lines for people, and where both come from. */
public final class Report {
  private final Map<String, Object> fields = new LinkedHashMap<>();
  private final StringBuilder lines = new StringBuilder();

  /** An empty one. */
  public Report() {}

  /** Adds a field. */
  public Report field(String name, Object value) {
    fields.put(name, value);
    return this;
  }

  /** Adds a line. */
  public Report line(String format, Object... values) {
    lines.append(String.format(Locale.ROOT, format, values)).append('\n');
    return this;
  }

  /** Adds a table. */
  public Report table(Table table) {
    lines.append(table.text());
    return this;
  }

  /** Says how windows were cut: by which rules, how long, how far apart. */
  public Report windows(String protocol, int context, int windows, long tokens, long ofTokens) {
    line(
        "protocol %s, context %d, stride %d: %d tokens counted in %d chunks of a text of %d",
        protocol, context, context, tokens, windows, ofTokens);
    return field("protocol", protocol)
        .field("context", context)
        .field("stride", context)
        .field("chunks", windows)
        .field("tokens", tokens)
        .field("text_tokens", ofTokens);
  }

  /** Says which data. */
  public Report data(DataFile file) {
    line("data %s, sha256 %s", file.path().getFileName(), file.sha256());
    return field("data", file.path().getFileName().toString()).field("data_sha256", file.sha256());
  }

  /** Says which model, and what ran it. */
  public Report model(Model model) {
    String precision = name(model.precision());
    line(
        "model %s (%,d bytes), tokenizer sha256 %s",
        model.artifact().path().getFileName(),
        model.artifact().size(),
        model.tokenizer().fingerprint());
    line("backend %s (%s), precision %s", model.backend(), model.device(), precision);
    return field("model", model.artifact().path().getFileName().toString())
        .field("model_bytes", model.artifact().size())
        .field("tokenizer_sha256", model.tokenizer().fingerprint())
        .field("backend", model.backend().value())
        .field("device", model.device())
        .field("precision", precision)
        .field("batch", model.batch());
  }

  private static String name(Precision precision) {
    return precision.name().toLowerCase(Locale.ROOT);
  }

  /** Prints it, and writes it to a file where the user wants that. */
  public void publish(Console console, ResultFlags flags) throws IOException {
    String json = JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).asString(fields) + "\n";
    if (flags.out().isPresent()) {
      Path out = flags.out().get();
      NewFile.write(out, json);
      console.note("the result is in " + out);
    }
    console.print(flags.json() ? json : lines.toString());
    console.flush();
  }
}
