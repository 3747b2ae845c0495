/** A program that embeds Espalier: it requires one module and brings the others on its path. */
module org.espalier.examples.embed {
  requires org.espalier.launcher;
  requires static org.jspecify;
}
