# What only builds other runtimes is a third of the image, and nobody here builds one.
rm -rf /usr/lib/jvm/java-17-openjdk-*/jmods
