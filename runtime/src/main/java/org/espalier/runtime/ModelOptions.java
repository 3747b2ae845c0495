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

/**
 * How to open a model.
 *
 * @param backend which; the best one that accepts where empty
 * @param precision of the arithmetic
 * @param threads workers of the host
 * @param batch most positions per forward pass
 * @param compatibility of the tokenizer
 * @param overrides metadata that replace the file's
 * @param settings for the backend, by name
 * @param observer told about activations and routing as they pass; {@link Observer#NONE} for none
 * @param contextLength positions that sessions will hold, where that is known beforehand; matters
 *     to backends that divide scarce memory
 */
public record ModelOptions(
    Optional<BackendId> backend,
    Precision precision,
    int threads,
    int batch,
    TokenizerCompatibility compatibility,
    Map<String, MetadataValue> overrides,
    Map<String, String> settings,
    Observer observer,
    OptionalInt contextLength) {
  /** Refuses fewer than one thread, or than one position per pass. */
  public ModelOptions {
    overrides = Map.copyOf(overrides);
    settings = Map.copyOf(settings);
    if (threads < 1) {
      throw new InvalidRequest("there must be at least 1 thread: " + threads);
    }
    if (batch < 1) {
      throw new InvalidRequest("a batch must hold at least 1 token: " + batch);
    }
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

  /** Without an observer. */
  public ModelOptions(
      Optional<BackendId> backend,
      Precision precision,
      int threads,
      int batch,
      TokenizerCompatibility compatibility,
      Map<String, MetadataValue> overrides,
      Map<String, String> settings) {
    this(backend, precision, threads, batch, compatibility, overrides, settings, Observer.NONE);
  }

  /** Without a context length known beforehand. */
  public ModelOptions(
      Optional<BackendId> backend,
      Precision precision,
      int threads,
      int batch,
      TokenizerCompatibility compatibility,
      Map<String, MetadataValue> overrides,
      Map<String, String> settings,
      Observer observer) {
    this(
        backend,
        precision,
        threads,
        batch,
        compatibility,
        overrides,
        settings,
        observer,
        OptionalInt.empty());
  }

  /** This, for sessions of so many positions; 0 means the model's own context. */
  public ModelOptions forContext(int positions) {
    return new ModelOptions(
        backend,
        precision,
        threads,
        batch,
        compatibility,
        overrides,
        settings,
        observer,
        positions > 0 ? OptionalInt.of(positions) : OptionalInt.empty());
  }

  /** The same with an observer. */
  public ModelOptions observedBy(Observer newObserver) {
    return new ModelOptions(
        backend,
        precision,
        threads,
        batch,
        compatibility,
        overrides,
        settings,
        newObserver,
        contextLength);
  }

  /** The best backend, fast arithmetic, passes of 512 tokens, nothing overridden. */
  public static ModelOptions of(int threads) {
    return new ModelOptions(
        Optional.empty(),
        Precision.FAST,
        threads,
        512,
        TokenizerCompatibility.HUGGING_FACE,
        Map.of(),
        Map.of());
  }

  /** This, but on a named backend. */
  public ModelOptions withBackend(String name) {
    return new ModelOptions(
        Optional.of(new BackendId(name)),
        precision,
        threads,
        batch,
        compatibility,
        overrides,
        settings,
        observer,
        contextLength);
  }

  /** This, but with other metadata in place of the file's. */
  public ModelOptions withOverrides(Map<String, MetadataValue> entries) {
    return new ModelOptions(
        backend,
        precision,
        threads,
        batch,
        compatibility,
        entries,
        settings,
        observer,
        contextLength);
  }

  /** This, but with other arithmetic. */
  public ModelOptions withPrecision(Precision other) {
    return new ModelOptions(
        backend,
        other,
        threads,
        batch,
        compatibility,
        overrides,
        settings,
        observer,
        contextLength);
  }

  /** This, but with so many workers. */
  public ModelOptions withThreads(int count) {
    return new ModelOptions(
        backend,
        precision,
        count,
        batch,
        compatibility,
        overrides,
        settings,
        observer,
        contextLength);
  }
}
