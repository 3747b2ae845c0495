package org.espalier.runtime;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.backend.BackendId;
import org.espalier.api.backend.CacheType;
import org.espalier.api.backend.CacheTypes;
import org.espalier.api.backend.Observer;
import org.espalier.api.backend.Precision;
import org.espalier.api.format.MetadataValue;
import org.espalier.runtime.tokenizer.TokenizerCompatibility;

/** How to open a model. Never changes: each method that changes something gives other options. */
public final class ModelOptions {
  /** More threads than this are a slip of the pen, and would bring the machine to a stop. */
  public static final int MOST_THREADS = 4096;

  private Optional<BackendId> backend = Optional.empty();
  private Precision precision = Precision.FAST;
  private int threads;
  private int batch = 512;
  private TokenizerCompatibility compatibility = TokenizerCompatibility.HUGGING_FACE;
  private Map<String, MetadataValue> overrides = Map.of();
  private Map<String, String> settings = Map.of();
  private Observer observer = Observer.NONE;
  private OptionalInt contextLength = OptionalInt.empty();

  private ModelOptions(int threads) {
    this.threads = threads;
  }

  /** A copy, to be changed before anyone sees it. */
  private ModelOptions(ModelOptions other) {
    backend = other.backend;
    precision = other.precision;
    threads = other.threads;
    batch = other.batch;
    compatibility = other.compatibility;
    overrides = other.overrides;
    settings = other.settings;
    observer = other.observer;
    contextLength = other.contextLength;
  }

  /**
   * The best backend, fast arithmetic, passes of 512 tokens, nothing overridden.
   *
   * @param threads workers of the host
   * @throws InvalidRequest as for {@link #withThreads}
   */
  public static ModelOptions of(int threads) {
    return new ModelOptions(0).withThreads(threads);
  }

  /** This, but on a named backend. */
  public ModelOptions withBackend(String name) {
    ModelOptions changed = new ModelOptions(this);
    changed.backend = Optional.of(new BackendId(name));
    return changed;
  }

  /** This, but with other arithmetic. */
  public ModelOptions withPrecision(Precision other) {
    ModelOptions changed = new ModelOptions(this);
    changed.precision = other;
    return changed;
  }

  /**
   * This, but with so many workers.
   *
   * @param count 1 to {@value #MOST_THREADS}
   * @throws InvalidRequest when it is another number
   */
  public ModelOptions withThreads(int count) {
    if (count < 1) {
      throw new InvalidRequest("there must be at least 1 thread: " + count);
    }
    if (count > MOST_THREADS) {
      throw new InvalidRequest(
          "there may be at most %d threads, not %d".formatted(MOST_THREADS, count));
    }
    ModelOptions changed = new ModelOptions(this);
    changed.threads = count;
    return changed;
  }

  /**
   * This, but with at most so many positions per forward pass.
   *
   * @throws InvalidRequest when there are none
   */
  public ModelOptions withBatch(int positions) {
    if (positions < 1) {
      throw new InvalidRequest("a batch must hold at least 1 token: " + positions);
    }
    ModelOptions changed = new ModelOptions(this);
    changed.batch = positions;
    return changed;
  }

  /** This, but with a tokenizer that works like another's. */
  public ModelOptions withCompatibility(TokenizerCompatibility other) {
    ModelOptions changed = new ModelOptions(this);
    changed.compatibility = other;
    return changed;
  }

  /** This, but with other metadata in place of the file's. */
  public ModelOptions withOverrides(Map<String, MetadataValue> entries) {
    ModelOptions changed = new ModelOptions(this);
    changed.overrides = Map.copyOf(entries);
    return changed;
  }

  /** This, but with other settings for the backend, by name. */
  public ModelOptions withSettings(Map<String, String> values) {
    ModelOptions changed = new ModelOptions(this);
    changed.settings = Map.copyOf(values);
    return changed;
  }

  /** This, with somebody who is told about activations and routing as they pass. */
  public ModelOptions observedBy(Observer other) {
    ModelOptions changed = new ModelOptions(this);
    changed.observer = other;
    return changed;
  }

  /**
   * This, for sessions of so many positions, which matters to backends that divide scarce memory; 0
   * means the model's own context.
   */
  public ModelOptions forContext(int positions) {
    ModelOptions changed = new ModelOptions(this);
    changed.contextLength = positions > 0 ? OptionalInt.of(positions) : OptionalInt.empty();
    return changed;
  }

  /** Which backend; the best one that accepts where empty. */
  public Optional<BackendId> backend() {
    return backend;
  }

  /** The arithmetic. */
  public Precision precision() {
    return precision;
  }

  /** Workers of the host. */
  public int threads() {
    return threads;
  }

  /** Most positions per forward pass. */
  public int batch() {
    return batch;
  }

  /** Whose tokenizer is followed where they differ. */
  public TokenizerCompatibility compatibility() {
    return compatibility;
  }

  /** Metadata that replace the file's. */
  public Map<String, MetadataValue> overrides() {
    return overrides;
  }

  /** Settings for the backend, by name. */
  public Map<String, String> settings() {
    return settings;
  }

  /** Who is told about activations and routing as they pass. */
  public Observer observer() {
    return observer;
  }

  /** Positions that sessions will hold, where that is known beforehand. */
  public OptionalInt contextLength() {
    return contextLength;
  }

  /**
   * Bytes that weights, caches and working memory may take together: the setting {@code
   * memory-limit}.
   *
   * @throws InvalidRequest when that is no number of bytes
   */
  public OptionalLong memoryLimit() {
    String limit = settings.get("memory-limit");
    if (limit == null) {
      return OptionalLong.empty();
    }
    if (!limit.matches("[1-9]\\d{0,17}")) {
      throw new InvalidRequest("a memory limit is a number of bytes, not '%s'".formatted(limit));
    }
    return OptionalLong.of(Long.parseLong(limit));
  }

  /**
   * In what forms sessions keep keys and values: the settings {@code cache-type-k} and {@code
   * cache-type-v}; where they are missing, as the precision has it.
   *
   * @throws InvalidRequest when such a form is unknown
   */
  public CacheTypes cacheTypes() {
    CacheTypes usual = CacheTypes.of(precision);
    return new CacheTypes(
        cacheType("cache-type-k", usual.keys()), cacheType("cache-type-v", usual.values()));
  }

  private CacheType cacheType(String setting, CacheType usual) {
    String name = settings.get(setting);
    if (name == null) {
      return usual;
    }
    return Arrays.stream(CacheType.values())
        .filter(type -> type.toString().equals(name.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(() ->
            new InvalidRequest(
                "--%s %s: keys and values can be kept as f32, f16, bf16 or q8_0"
                    .formatted(setting, name)));
  }
}
