package org.espalier.launcher.command;

import jakarta.inject.Inject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.downloads.CachedFile;
import org.espalier.downloads.ModelCache;
import org.espalier.downloads.ModelName;
import org.espalier.downloads.Wanted;
import org.espalier.launcher.console.Console;
import org.espalier.launcher.console.ExitCode;
import org.espalier.launcher.console.Interruption;
import org.espalier.launcher.console.Table;
import org.espalier.launcher.option.CommonFlags;
import org.espalier.launcher.option.HubFlags;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.jr.ob.JSON;

/** Looks after downloaded models. */
@Command(
    name = "models",
    header = "Lists, fetches, verifies and removes downloaded models.",
    description = {
      "",
      "Models that -hf has downloaded, or 'models fetch' does. verify reads all bytes and compares"
          + " their checksums with those that the hub announced. Unfinished downloads are listed"
          + " too; they go on when the model is asked for again."
    },
    sortOptions = false,
    abbreviateSynopsis = true,
    optionListHeading = "%nFlags:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  espalier models",
      "  espalier models fetch user/model:file.gguf",
      "  espalier models verify",
      "  espalier models remove user/model"
    })
final class ModelsCommand implements Callable<Integer> {
  private final Console console;
  private final Interruption interruption;
  private final ModelDownload download;

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "ACTION",
      description = "list, fetch, verify or remove. Default: list.")
  private Action action = Action.LIST;

  @Parameters(
      index = "1..*",
      paramLabel = "NAME",
      description = "user/model, or user/model:file. list and verify take all where none is named.")
  private List<String> names = List.of();

  @Option(names = "--json", description = "Prints JSON instead of text.")
  private boolean json;

  @Mixin private HubFlags hub = new HubFlags();

  @Mixin private CommonFlags common = new CommonFlags();

  /** What is done. */
  enum Action {
    LIST,
    FETCH,
    VERIFY,
    REMOVE
  }

  @Inject
  ModelsCommand(Console console, Interruption interruption, ModelDownload download) {
    this.console = console;
    this.interruption = interruption;
    this.download = download;
  }

  @Override
  public Integer call() throws IOException {
    ModelCache cache = new ModelCache(hub.settings().cache());
    List<ModelName> models = new ArrayList<>(names.stream().map(ModelName::parse).toList());
    hub.name().ifPresent(models::add);
    int exitCode =
        switch (action) {
          case LIST -> list(named(models, cache));
          case FETCH -> fetch(required(models));
          case VERIFY -> verify(named(models, cache), cache);
          case REMOVE -> remove(required(models), cache);
        };
    console.flush();
    return exitCode;
  }

  private static List<ModelName> required(List<ModelName> models) {
    if (models.isEmpty()) {
      throw new InvalidRequest("no model was named: names look like user/model");
    }
    return models;
  }

  private static List<CachedFile> named(List<ModelName> models, ModelCache cache) {
    return models.isEmpty()
        ? cache.list()
        : models.stream().flatMap(name -> cache.find(name).stream()).toList();
  }

  private int list(List<CachedFile> files) throws IOException {
    if (json) {
      printJson(files.stream().map(file -> fields(file, Optional.empty())).toList());
      return ExitCode.OK;
    }
    Table table = new Table("lrl");
    for (CachedFile file : files) {
      table.row(
          name(file),
          WriteProgress.bytes(file.size()),
          file.complete() ? file.path().toString() : "unfinished");
    }
    console.print(table.text());
    if (files.isEmpty()) {
      console.note("nothing was downloaded so far to " + hub.settings().cache());
    }
    return ExitCode.OK;
  }

  private int fetch(List<ModelName> models) {
    for (ModelName name : models) {
      console.print(download.fetch(name, hub, Wanted.MODEL_FILE) + "\n");
      console.flush();
    }
    return ExitCode.OK;
  }

  private int verify(List<CachedFile> files, ModelCache cache) throws IOException {
    DownloadProgress progress = new DownloadProgress(console, interruption);
    List<Map<String, Object>> results = new ArrayList<>();
    boolean sound = true;
    for (CachedFile file : files.stream().filter(CachedFile::complete).toList()) {
      boolean right = cache.verify(file, progress);
      progress.end();
      sound &= right;
      results.add(fields(file, Optional.of(right)));
      if (!json) {
        console.print("%s: %s\n".formatted(name(file), right ? "sound" : "damaged"));
        console.flush();
      }
    }
    if (json) {
      printJson(results);
    }
    if (!sound) {
      console.note("damaged files are fetched anew after 'models remove NAME'");
    }
    return sound ? ExitCode.OK : ExitCode.FAILURE;
  }

  private int remove(List<ModelName> models, ModelCache cache) throws IOException {
    long bytes = 0;
    for (ModelName name : models) {
      for (CachedFile file : cache.remove(name, new DownloadProgress(console, interruption))) {
        console.say("removed " + name(file));
        bytes += file.size();
      }
    }
    console.note(WriteProgress.bytes(bytes) + " are free again");
    return ExitCode.OK;
  }

  private static String name(CachedFile file) {
    return file.repository() + ":" + file.name();
  }

  private void printJson(List<Map<String, Object>> files) throws IOException {
    console.print(JSON.std.with(JSON.Feature.PRETTY_PRINT_OUTPUT).asString(files) + "\n");
  }

  private static Map<String, Object> fields(CachedFile file, Optional<Boolean> sound) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("repository", file.repository());
    fields.put("file", file.name());
    fields.put("path", file.path().toString());
    fields.put("size", file.size());
    fields.put("checksum", file.checksum());
    fields.put("commit", file.commit());
    fields.put("complete", file.complete());
    sound.ifPresent(right -> fields.put("sound", right));
    return fields;
  }
}
