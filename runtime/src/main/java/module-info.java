/**
 * From a file and providers to text: loading, tokenizing, sampling, generating, synthesizing. It
 * receives providers as arguments and finds none by itself.
 */
module org.espalier.runtime {
  requires transitive org.espalier.api;
  requires static org.jspecify;

  exports org.espalier.runtime;
  exports org.espalier.runtime.benchmark;
  exports org.espalier.runtime.chat;
  exports org.espalier.runtime.generation;
  exports org.espalier.runtime.sampling;
  exports org.espalier.runtime.synthesis;
  exports org.espalier.runtime.tokenizer;
}
