/** Models of Espalier as LangChain4j's {@code ChatModel} and {@code StreamingChatModel}. */
module org.espalier.langchain4j {
  requires transitive langchain4j.core; // an automatic module
  requires transitive org.espalier.launcher;
  requires static org.jspecify;

  exports org.espalier.langchain4j;
}
