package org.espalier.server.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.Offer;
import org.espalier.api.backend.Backend;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.BackendProvider;
import org.espalier.api.backend.CompileOptions;
import org.espalier.api.backend.Executable;
import org.espalier.api.backend.Footprint;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.backend.SessionOptions;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.format.ModelFormat;
import org.espalier.api.model.Architecture;
import org.espalier.api.model.Binder;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.Tensor;
import org.espalier.runtime.Model;
import org.espalier.runtime.ModelOptions;
import org.espalier.runtime.Providers;
import org.espalier.runtime.tokenizer.Tokenizer;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;
import org.espalier.server.scheduling.ServedModel;

/** A model over {@link FakeExecutable}, whose tokens are the bytes and an end of text. */
public final class FakeModel {
  public static final int VOCABULARY = 257;
  public static final int END = 256;

  private final Map<String, MetadataValue> metadata = new HashMap<>();
  private final int contextLength;
  private FakeExecutable executable;

  public FakeModel(int contextLength) {
    this.contextLength = contextLength;
    metadata.put("tokenizer.ggml.model", new MetadataValue.Text("gpt2"));
    metadata.put("tokenizer.ggml.pre", new MetadataValue.Text("olmo"));
    metadata.put("tokenizer.ggml.tokens", new MetadataValue.Texts(names()));
    metadata.put("tokenizer.ggml.merges", new MetadataValue.Texts(List.of()));
  }

  /** Adds an entry to its metadata. */
  public FakeModel with(String key, String value) {
    metadata.put(key, new MetadataValue.Text(value));
    return this;
  }

  /** The byte alphabet of such vocabularies: bytes that do not show have letters from U+0100 on. */
  private static List<String> names() {
    List<String> names = new ArrayList<>();
    int next = 0x100;
    for (int value = 0; value < 256; value++) {
      boolean shows =
          (value >= '!' && value <= '~')
              || (value >= 0xA1 && value <= 0xAC)
              || (value >= 0xAE && value <= 0xFF);
      names.add(Character.toString(shows ? value : next++));
    }
    names.add("<|endoftext|>");
    return names;
  }

  public Tokenizer tokenizer() {
    return Tokenizer.of(new Metadata(metadata), TokenizerCompatibility.HUGGING_FACE, _ -> {});
  }

  private ModelPlan plan() {
    return new ModelPlan("fake", 4, VOCABULARY, contextLength, List.of());
  }

  /** For tests of scheduling alone. */
  public ServedModel served(int batch, Observer observer) {
    executable =
        new FakeExecutable(
            plan(),
            new CompileOptions(Precision.EXACT, batch, java.util.OptionalLong.empty(), observer));
    return new ServedModel(
        executable,
        () -> executable.open(new SessionOptions(contextLength, ElementType.F32)),
        tokenizer(),
        contextLength,
        batch);
  }

  /** What runs it, once it was opened. */
  public FakeExecutable executable() {
    return executable;
  }

  /** Opens it in the ordinary way. */
  public Model open(Path folder, Observer observer) {
    try {
      Path file = Files.write(folder.resolve("fake-model.gguf"), new byte[0]);
      Providers providers =
          new Providers(List.of(new Format()), List.of(), List.of(new Arch()), List.of(new Cpu()));
      ModelOptions options = ModelOptions.of(1).withBatch(64).observedBy(observer);
      return Model.open(file, providers, options, _ -> {});
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private final class Format implements ModelFormat {
    @Override
    public String id() {
      return "fake";
    }

    @Override
    public Offer<ModelArtifact> open(Path path) {
      return Offer.accepted(new Artifact(path));
    }
  }

  private final class Artifact implements ModelArtifact {
    private final Path path;

    Artifact(Path path) {
      this.path = path;
    }

    @Override
    public Path path() {
      return path;
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public String format() {
      return "fake";
    }

    @Override
    public Metadata metadata() {
      return new Metadata(metadata);
    }

    @Override
    public Map<String, Tensor> tensors() {
      return Map.of();
    }

    @Override
    public void close() {}
  }

  private final class Arch implements Architecture {
    @Override
    public String id() {
      return "fake";
    }

    @Override
    public Offer<ModelPlan> plan(ModelArtifact artifact, Binder binder) {
      return Offer.accepted(FakeModel.this.plan());
    }
  }

  private final class Cpu implements BackendProvider, Backend {
    @Override
    public BackendId id() {
      return new BackendId("fake");
    }

    @Override
    public String description() {
      return "arithmetic";
    }

    @Override
    public int preference() {
      return 1;
    }

    @Override
    public Offer<Backend> open(Context context) {
      return Offer.accepted(this);
    }

    @Override
    public String device() {
      return "arithmetic";
    }

    @Override
    public Footprint footprint(ModelPlan plan, CompileOptions options, SessionOptions session) {
      return new Footprint(0, 0, 0, 0);
    }

    @Override
    public Offer<Executable> compile(ModelPlan plan, CompileOptions options) {
      executable = new FakeExecutable(plan, options);
      return Offer.accepted(executable);
    }

    @Override
    public void close() {}
  }
}
