/**
 * From a file and providers to text: loading, tokenizing, sampling, generating, synthesizing,
 * evaluating. It receives providers as arguments and finds none by itself. * From a file and
 * providers to text: loading, inspecting, tokenizing, sampling, generating, converting, quantising,
 * synthesizing. It receives providers as arguments and finds none by itself.
 */
@SuppressWarnings("module") // the server is compiled later
module org.espalier.runtime {
  requires transitive org.espalier.api;
  requires static org.jspecify;

  exports org.espalier.runtime;
  exports org.espalier.runtime.benchmark;
  exports org.espalier.runtime.evaluation;
  exports org.espalier.runtime.event to
      org.espalier.server;
  exports org.espalier.runtime.evaluation.choice;
  exports org.espalier.runtime.evaluation.divergence;
  exports org.espalier.runtime.evaluation.routing;
  exports org.espalier.runtime.chat;
  exports org.espalier.runtime.conversion;
  exports org.espalier.runtime.generation;
  exports org.espalier.runtime.inspection;
  exports org.espalier.runtime.repair;
  exports org.espalier.runtime.quantisation;
  exports org.espalier.runtime.quantisation.calibration;
  exports org.espalier.runtime.quantisation.pipeline;
  exports org.espalier.runtime.sampling;
  exports org.espalier.runtime.synthesis;
  exports org.espalier.runtime.tokenizer;
}
