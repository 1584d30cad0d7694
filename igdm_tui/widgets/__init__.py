"""What screens are made of: charts, tables and form fields. They draw what they are given and read no files."""
